#include "nn/kernels/winograd.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <algorithm>
#include <limits>

#include "nn/kernels/loops.h"
#include "nn/kernels/onednn.h"

namespace sumi {
namespace {

/// Outputs that stand side by side in the weights, and inputs that a patch is staged for at a time.
constexpr std::int64_t kPanel = 64;
/// Keeps the values of one frequency and those of the next, which are written together, out of the
/// same place of the cache.
constexpr std::int64_t kApart = 16;

const WinogradLoops& ends_of(int tile) {
  return tile == 2 ? loops().winograd_2 : loops().winograd_4;
}

std::int64_t divided(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// How the transformed weights lie: panels of kPanel outputs, the last one narrower, each
/// [frequencies, in, width].
struct WeightLayout {
  std::int64_t in, out, frequencies;

  WeightLayout(std::int64_t inputs, std::int64_t outputs, int tile)
      : in(inputs), out(outputs), frequencies((tile + 2) * (tile + 2)) {}
  std::int64_t panels() const { return divided(out, kPanel); }
  /// Outputs of a panel, and the multiple of 16 that it has room for.
  std::int64_t outputs(std::int64_t panel) const { return std::min(kPanel, out - panel * kPanel); }
  std::int64_t width(std::int64_t panel) const { return divided(outputs(panel), 16) * 16; }
  std::int64_t stride(std::int64_t panel) const { return in * width(panel) + kApart; }
  std::int64_t start(std::int64_t panel) const {
    return panel * frequencies * (in * kPanel + kApart);
  }
  std::int64_t floats() const { return start(panels() - 1) + frequencies * stride(panels() - 1); }
};

void transform_weights(const WeightLayout& layout, const float* weight, int tile, float* to) {
  constexpr std::int64_t kRun = 32;
  const auto runs = divided(layout.in, kRun);
#pragma omp parallel for collapse(2) if (layout.in * layout.out > 1000)
  for (std::int64_t panel = 0; panel < layout.panels(); ++panel)
    for (std::int64_t run = 0; run < runs; ++run)
      ends_of(tile).weights(weight + panel * kPanel * layout.in * 9, layout.in, run * kRun,
                            std::min(layout.in, (run + 1) * kRun), layout.outputs(panel),
                            layout.width(panel), to + layout.start(panel), layout.stride(panel));
}

/// How tiles are shared out: patches of `down` x `across` tiles, `together` of them in one block,
/// which is what a thread takes at a time.
struct Plan {
  std::int64_t rows, columns;  ///< tiles of a sample
  std::int64_t down, across, together;
  std::int64_t patches_down, patches_across, patches;

  std::int64_t blocks() const { return divided(patches, together); }
  std::int64_t tiles() const { return down * across * together; }
};

Plan plan_of(const ImageSize& size, int tile, std::int64_t down, std::int64_t across,
             std::int64_t most, int threads) {
  Plan p = {divided(size.height, tile), divided(size.width, tile), down, across, 1, 0, 0, 0};
  p.patches_down = divided(p.rows, down);
  p.patches_across = divided(p.columns, across);
  p.patches = size.batch * p.patches_down * p.patches_across;
  if (p.patches == size.batch)
    p.together = std::clamp<std::int64_t>(most / (down * across), 1, divided(size.batch, threads));
  return p;
}

/// Time of a plan in products of one tile. A patch reads pixels around it, and a block all weights.
double cost_of(const Plan& plan, int tile, int threads) {
  constexpr double kPixel = 0.003, kWeights = 8;
  const double pixels = static_cast<double>((plan.down * tile + 2) * (plan.across * tile + 2));
  const double block = static_cast<double>(divided(plan.tiles(), 6) * 6) + kWeights +
                       kPixel * pixels * static_cast<double>(plan.together);
  return block * static_cast<double>(divided(plan.blocks(), threads));
}

/// The cheapest plan of at most `most` tiles a block.
Plan choose_plan(const ImageSize& size, int tile, std::int64_t most, int threads) {
  const auto rows = divided(size.height, tile), columns = divided(size.width, tile);
  Plan best = {};
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t down = 1; down <= std::min(rows, most); ++down)
    for (std::int64_t across = 1; across <= std::min(columns, most / down); ++across) {
      const auto plan = plan_of(size, tile, down, across, most, threads);
      const auto cost = cost_of(plan, tile, threads);
      if (cost < least) least = cost, best = plan;
    }
  return best;
}

/// Few where the weights stay near the processor, so that what a thread works on stays nearer
/// still; where they come from memory, so many that reading them for each block does not count.
std::int64_t most_tiles(const WeightLayout& layout) {
  constexpr std::int64_t kNear = 1 << 20, kFew = 48, kMany = 128;
  return layout.floats() <= kNear ? kFew : kMany;
}

/// One convolution of one input.
class Run {
 public:
  Run(const WeightLayout& layout, int tile, const PictureInput& x, const float* residual,
      float* out)
      : layout_(layout),
        tile_(tile),
        threads_(compute_threads()),
        plan_(choose_plan(x.size, tile, most_tiles(layout), threads_)),
        x_(x),
        residual_(residual),
        out_(out) {}

  /// Floats of scratch for each thread.
  std::int64_t scratch_floats() const {
    return layout_.frequencies * (value_stride() + sum_stride()) + divided(patch_floats(), 16) * 16;
  }

  /// `memory`: scratch_floats() for each thread.
  void run(const float* weights, const float* bias, float* memory) {
    weights_ = weights;
    bias_ = bias;
#pragma omp parallel num_threads(threads_) if (plan_.blocks() > 1)
    {
      std::vector<Place> places(static_cast<std::size_t>(plan_.tiles()));
#if defined(_OPENMP)
      auto* mine = memory + omp_get_thread_num() * scratch_floats();
#else
      auto* mine = memory;
#endif
#pragma omp for schedule(dynamic)
      for (std::int64_t block = 0; block < plan_.blocks(); ++block) run_block(block, mine, places);
    }
  }

 private:
  struct Place {
    std::int64_t sample, row, column;  ///< of a tile
  };

  std::int64_t value_stride() const {
    return divided(plan_.tiles() * layout_.in, 16) * 16 + kApart;
  }
  std::int64_t sum_stride() const { return plan_.tiles() * kPanel + kApart; }
  std::int64_t patch_width() const { return plan_.across * tile_ + 2; }
  std::int64_t patch_floats() const { return (plan_.down * tile_ + 2) * patch_width() * kPanel; }

  void run_block(std::int64_t block, float* memory, std::vector<Place>& places) const {
    auto* values = memory;
    auto* sums = values + layout_.frequencies * value_stride();
    auto* patch = sums + layout_.frequencies * sum_stride();
    std::int64_t tiles = 0;
    const auto first = block * plan_.together;
    for (auto i = first; i < std::min(first + plan_.together, plan_.patches); ++i)
      tiles += read_patch(i, tiles, patch, values, places);
    for (std::int64_t panel = 0; panel < layout_.panels(); ++panel) {
      multiply(panel, tiles, values, sums);
      write_panel(panel, tiles, sums, places);
    }
  }

  /// Transforms the tiles of one patch as tiles `at` and after; gives their number.
  std::int64_t read_patch(std::int64_t index, std::int64_t at, float* patch, float* values,
                          std::vector<Place>& places) const {
    const auto per_sample = plan_.patches_down * plan_.patches_across;
    const auto inside = index % per_sample;
    const Place start = {index / per_sample, inside / plan_.patches_across * plan_.down,
                         inside % plan_.patches_across * plan_.across};
    const auto down = std::min(plan_.down, plan_.rows - start.row);
    const auto across = std::min(plan_.across, plan_.columns - start.column);
    for (std::int64_t i = 0; i < down * across; ++i)
      places[static_cast<std::size_t>(at + i)] = {start.sample, start.row + i / across,
                                                  start.column + i % across};
    std::int64_t before = 0;
    for (std::size_t source = 0; source < 2; before += x_.sources[source++].channels)
      for (std::int64_t c = 0; c < x_.sources[source].channels; c += kPanel) {
        const auto channels = std::min(kPanel, x_.sources[source].channels - c);
        stage_patch(start, down, across, source, c, channels, patch);
        for (std::int64_t i = 0; i < down * across; ++i) {
          const auto* tile = patch + (i / across * patch_width() + i % across) * tile_ * channels;
          ends_of(tile_).input(tile, patch_width() * channels, channels, channels,
                               values + (at + i) * layout_.in + before + c, value_stride());
        }
      }
    return down * across;
  }

  void stage_patch(const Place& start, std::int64_t down, std::int64_t across, std::size_t source,
                   std::int64_t first_channel, std::int64_t channels, float* patch) const {
    const auto y = start.row * tile_ - 1, x = start.column * tile_ - 1;
    for (std::int64_t i = 0; i < down * tile_ + 2; ++i)
      stage(x_, {start.sample, y + i, x, x + across * tile_ + 2, source, first_channel, channels},
            patch + i * patch_width() * channels, channels);
  }

  void multiply(std::int64_t panel, std::int64_t tiles, const float* values, float* sums) const {
    const auto* weights = weights_ + layout_.start(panel);
    for (std::int64_t f = 0; f < layout_.frequencies; ++f)
      loops().product(values + f * value_stride(), layout_.in, tiles, layout_.in,
                      weights + f * layout_.stride(panel), layout_.width(panel),
                      sums + f * sum_stride());
  }

  void write_panel(std::int64_t panel, std::int64_t tiles, const float* sums,
                   const std::vector<Place>& places) const {
    const auto& size = x_.size;
    for (std::int64_t i = 0; i < tiles; ++i) {
      const auto& place = places[static_cast<std::size_t>(i)];
      const auto start = place.sample * size.height * size.width * layout_.out + panel * kPanel;
      ends_of(tile_).output(sums + i * layout_.width(panel), sum_stride(),
                            {size.height, size.width, place.row * tile_, place.column * tile_},
                            layout_.out, layout_.outputs(panel), bias_ + panel * kPanel,
                            residual_ ? residual_ + start : nullptr, out_ + start);
    }
  }

  const WeightLayout& layout_;
  int tile_, threads_;
  Plan plan_;
  const float *weights_ = nullptr, *bias_ = nullptr;
  const PictureInput& x_;
  const float* residual_;
  float* out_;
};

std::vector<float> bias_or_zeros(const float* bias, std::int64_t out) {
  return bias ? std::vector<float>(bias, bias + out)
              : std::vector<float>(static_cast<std::size_t>(out));
}

float* scratch_floats(std::int64_t count) {
  return static_cast<float*>(scratch(static_cast<std::size_t>(count) * sizeof(float)));
}

}  // namespace

WinogradConvolution::WinogradConvolution(std::int64_t in, std::int64_t out, const float* weight,
                                         const float* bias, int tile)
    : in_(in), out_(out), tile_(tile), bias_(bias_or_zeros(bias, out)) {
  const WeightLayout layout(in, out, tile);
  weights_ = AlignedFloats(static_cast<std::size_t>(layout.floats()));
  transform_weights(layout, weight, tile, weights_.data());
}

bool WinogradConvolution::serves(const ConvolutionShape& s) {
  const auto& p = s.padding;
  return s.kernel == 3 && s.stride == 1 && p.top == 1 && p.left == 1 && p.bottom == 1 &&
         p.right == 1;
}

std::size_t WinogradConvolution::bytes_for(const ConvolutionShape& shape, int tile) {
  return static_cast<std::size_t>(WeightLayout(shape.in, shape.out, tile).floats()) * sizeof(float);
}

std::int64_t WinogradConvolution::tiles_of(const ImageSize& size, int tile) {
  return size.batch * divided(size.height, tile) * divided(size.width, tile);
}

void WinogradConvolution::run(const PictureInput& x, float* out, const float* residual) const {
  const WeightLayout layout(in_, out_, tile_);
  Run run(layout, tile_, x, residual, out);
  run.run(weights_.data(), bias_.data(), scratch_floats(run.scratch_floats() * compute_threads()));
}

void WinogradConvolution::run_once(std::int64_t in, std::int64_t out, const float* weight,
                                   const float* bias, int tile, const PictureInput& x,
                                   float* result, const float* residual) {
  const WeightLayout layout(in, out, tile);
  const auto offsets = bias_or_zeros(bias, out);
  const auto room = divided(layout.floats(), 16) * 16;
  Run run(layout, tile, x, residual, result);
  auto* memory = scratch_floats(room + run.scratch_floats() * compute_threads());
  transform_weights(layout, weight, tile, memory);
  run.run(memory, offsets.data(), memory + room);
}

}  // namespace sumi
