#include "nn/kernels/winograd.h"

#include <algorithm>
#include <array>

#include "nn/kernels/loops.h"
#include "nn/kernels/onednn_version.h"

namespace sumi {
namespace {

using dnnl::memory;

/// Where one axis of the kernel is evaluated: rows for the points 0, p, -p, …, infinity.
std::vector<std::array<double, 3>> kernel_transform(int tile) {
  std::vector<double> points = {0};
  if (tile == 2) points.insert(points.end(), {1, -1});
  if (tile == 4)
    for (const auto p : kWinogradPoints) points.insert(points.end(), {p, -p});
  std::vector<std::array<double, 3>> rows;
  for (const auto p : points) {
    double others = 1;
    for (const auto q : points)
      if (q != p) others *= p - q;
    rows.push_back({1 / others, p / others, p * p / others});
  }
  rows.push_back({0, 0, 1});
  return rows;
}

/// [out, in, 3, 3] -> [frequencies, in, out]
std::vector<float> transformed(const float* weight, std::int64_t in, std::int64_t out, int tile) {
  const auto rows = kernel_transform(tile);
  const auto side = static_cast<std::int64_t>(rows.size());
  std::vector<float> all(static_cast<std::size_t>(side * side * in * out));
#pragma omp parallel for if (in * out > 1000)
  for (std::int64_t i = 0; i < in; ++i)
    for (std::int64_t u = 0; u < side; ++u)
      for (std::int64_t v = 0; v < side; ++v) {
        double taps[9];
        for (std::size_t k = 0; k < 9; ++k)
          taps[k] =
              rows[static_cast<std::size_t>(u)][k / 3] * rows[static_cast<std::size_t>(v)][k % 3];
        auto* row = all.data() + ((u * side + v) * in + i) * out;
        for (std::int64_t o = 0; o < out; ++o) {
          const auto* kernel = weight + (o * in + i) * 9;
          double sum = 0;
          for (int k = 0; k < 9; ++k) sum += taps[k] * kernel[k];
          row[o] = static_cast<float>(sum);
        }
      }
  return all;
}

/// How the tiles of a batch are numbered: sample by sample, row by row.
struct Grid {
  std::int64_t rows, columns;
  int tile;

  Grid(const ImageSize& size, int side)
      : rows((size.height + side - 1) / side),
        columns((size.width + side - 1) / side),
        tile(side) {}
  std::int64_t sample(std::int64_t index) const { return index / (rows * columns); }
  /// First pixel of the tile's output, moved by `shift`.
  TilePlace place(const ImageSize& size, std::int64_t index, int shift) const {
    const auto inside = index % (rows * columns);
    return {size.height, size.width, inside / columns * tile + shift,
            inside % columns * tile + shift};
  }
};

}  // namespace

WinogradConvolution::WinogradConvolution(std::int64_t in, std::int64_t out, const float* weight,
                                         const float* bias, int tile)
    : in_(in),
      out_(out),
      tile_(tile),
      weights_({{frequencies(), in, out}, memory::data_type::f32, memory::format_tag::abc},
               transformed(weight, in, out, tile).data()),
      bias_(static_cast<std::size_t>(out)),
      zeros_(static_cast<std::size_t>(in)) {
  if (bias) bias_.assign(bias, bias + out);
}

bool WinogradConvolution::serves(const ConvolutionShape& s) {
  const auto& p = s.padding;
  return s.kernel == 3 && s.stride == 1 && p.top == 1 && p.left == 1 && p.bottom == 1 &&
         p.right == 1;
}

std::size_t WinogradConvolution::bytes_for(const ConvolutionShape& shape, int tile) {
  return sizeof(float) * static_cast<std::size_t>((tile + 2) * (tile + 2) * shape.in * shape.out);
}

WinogradConvolution::Prepared WinogradConvolution::prepare(const Key& key) const {
  using enum memory::data_type;
  using tag = memory::format_tag;
  const auto f = frequencies();
  const memory::desc x({f, key.tiles, in_}, f32, tag::abc), y({f, key.tiles, out_}, f32, tag::abc);
  const memory::desc weight({f, in_, out_}, f32, tag::any);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto desc = describe<dnnl::matmul>(cpu_engine(), attributes, x, weight, y);
  return {desc, dnnl::matmul(desc)};
}

/// So many that both sides of the products stay near the processor, in runs of equal length.
std::int64_t WinogradConvolution::tiles_at_once(std::int64_t tiles) const {
  constexpr std::int64_t kFloats = 6 << 20, kFewest = 64;
  const auto most = std::max(kFewest, kFloats / (frequencies() * (in_ + out_)));
  const auto runs = (tiles + most - 1) / most;
  return (tiles + runs - 1) / runs;
}

bool WinogradConvolution::run(const float* x, const ImageSize& size, float* out,
                              const float* residual) {
  const Grid grid(size, tile_);
  const auto tiles = size.batch * grid.rows * grid.columns, at_once = tiles_at_once(tiles);
  const Key key = {at_once, compute_threads()};
  const auto& prepared = cache_.get(key, [&] { return prepare(key); });
  if (!prepared) return false;
  if (residual) copy_floats(residual, size.pixels() * out_, out);
  for (std::int64_t first = 0; first < tiles; first += at_once)
    run_tiles(x, size, first, std::min(tiles, first + at_once), residual != nullptr, *prepared,
              at_once, out);
  return true;
}

void WinogradConvolution::run_tiles(const float* x, const ImageSize& size, std::int64_t first,
                                    std::int64_t last, bool adds, const Prepared& prepared,
                                    std::int64_t at_once, float* out) {
  const auto& ends = tile_ == 2 ? loops().winograd_2 : loops().winograd_4;
  const Grid grid(size, tile_);
  const auto picture = size.height * size.width;
  const auto in_stride = at_once * in_, out_stride = at_once * out_;
  auto* values = static_cast<float*>(
      scratch(static_cast<std::size_t>(frequencies() * (in_stride + out_stride)) * sizeof(float) +
              prepared.desc.scratchpad_desc().get_size()));
  auto* products = values + frequencies() * in_stride;
#pragma omp parallel for
  for (std::int64_t i = 0; i < at_once; ++i) {
    // Tiles beyond the last take part in the products only; they repeat it.
    const auto index = std::min(first + i, last - 1);
    ends.input(x + grid.sample(index) * picture * in_, grid.place(size, index, -1), in_,
               zeros_.data(), values + i * in_, in_stride);
  }
  execute(prepared.product,
          {{DNNL_ARG_SRC, at_address(prepared.desc.src_desc(), values)},
           {DNNL_ARG_WEIGHTS, weights_.in(prepared.desc.weights_desc())},
           {DNNL_ARG_DST, at_address(prepared.desc.dst_desc(), products)},
           {DNNL_ARG_SCRATCHPAD,
            at_address(prepared.desc.scratchpad_desc(), products + frequencies() * out_stride)}});
#pragma omp parallel for
  for (std::int64_t i = 0; i < last - first; ++i)
    ends.output(products + i * out_, out_stride, grid.place(size, first + i, 0), out_, bias_.data(),
                adds, out + grid.sample(first + i) * picture * out_);
}

}  // namespace sumi
