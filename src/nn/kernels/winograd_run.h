#pragma once

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <type_traits>
#include <vector>

#include "nn/kernels/onednn.h"
#include "nn/kernels/picture_input.h"
#include "nn/kernels/winograd_plan.h"
#include "nn/kernels/word_loops.h"

namespace sumi {

inline const WinogradLoops& winograd_loops(int tile) {
  return tile == 2 ? loops().winograd_2 : loops().winograd_4;
}

inline std::vector<float> bias_or_zeros(const float* bias, std::int64_t out) {
  return bias ? std::vector<float>(bias, bias + out)
              : std::vector<float>(static_cast<std::size_t>(out));
}

/// Transformed weights, and what each output channel of their products counts where they are words.
template <class Value>
struct WinogradWeights {
  const Value* values;
  const float* gains;  ///< [out]; of words only
  const float* bias;   ///< [out]
};

/// One convolution of one input by Winograd's way. Value: float, or std::int16_t for products of
/// words, each row of a tile's values then by its own scale. Each thread takes a patch of the
/// picture from its pixels to the result, so that what lies between stays near the processor.
template <class Value>
class WinogradRun {
 public:
  /// `layout`: of the weights; its `in` is even where they are words.
  WinogradRun(const WinogradLayout& layout, int tile, const PictureInput& x, const float* residual,
              float* out)
      : layout_(layout),
        tile_(tile),
        threads_(compute_threads()),
        plan_(winograd_plan(x.size, tile, layout.size() * static_cast<std::int64_t>(sizeof(Value)),
                            threads_)),
        x_(x),
        residual_(residual),
        out_(out) {}

  /// Of scratch memory, for all threads.
  std::size_t scratch_bytes() const { return thread_bytes() * static_cast<std::size_t>(threads_); }

  void run(const WinogradWeights<Value>& weights, void* memory) {
    weights_ = weights;
#pragma omp parallel num_threads(threads_) if (plan_.blocks() > 1)
    {
#if defined(_OPENMP)
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
#else
      const std::size_t thread = 0;
#endif
      Parts parts{static_cast<char*>(memory) + thread * thread_bytes()};
      Work work = lay_out(parts);
      work.places.resize(static_cast<std::size_t>(plan_.tiles()));
#pragma omp for schedule(dynamic)
      for (std::int64_t block = 0; block < plan_.blocks(); ++block) run_block(block, work);
    }
  }

 private:
  static constexpr bool kWords = std::is_same_v<Value, std::int16_t>;
  using Sum = std::conditional_t<kWords, std::int32_t, float>;

  struct Place {
    std::int64_t sample, row, column;  ///< of a tile
  };
  /// What one thread writes to.
  struct Work {
    Value* values = nullptr;  ///< [frequencies, tiles, in]
    Sum* sums = nullptr;      ///< [frequencies, tiles, width of a panel]
    float* patch = nullptr;   ///< [panels of inputs, rows, columns, kWinogradPanel or fewer]
    float* tile = nullptr;    ///< of words: one tile's values as floats, [frequencies, in]
    float* scales = nullptr;  ///< of words: [tiles, frequencies]
    std::vector<Place> places = {};
  };
  /// A run of one source's channels, and the first one's place among all.
  struct Panel {
    std::size_t source;
    std::int64_t first, channels, at;
  };

  /// Parts of one thread's memory, each aligned to 64 bytes; where it is null, only their sizes.
  struct Parts {
    char* memory;
    std::size_t used = 0;

    template <class T>
    T* take(std::int64_t count) {
      auto* start = memory ? reinterpret_cast<T*>(memory + used) : nullptr;
      used +=
          static_cast<std::size_t>(divided(count * static_cast<std::int64_t>(sizeof(T)), 64)) * 64;
      return start;
    }
  };

  Work lay_out(Parts& parts) const {
    Work work;
    work.values = parts.template take<Value>(layout_.frequencies * value_stride());
    work.sums = parts.template take<Sum>(layout_.frequencies * sum_stride());
    work.patch = parts.template take<float>(patch_floats() * (kWords ? input_panels() : 1));
    work.tile = parts.template take<float>(kWords ? layout_.frequencies * layout_.in : 0);
    work.scales = parts.template take<float>(kWords ? layout_.frequencies * plan_.tiles() : 0);
    return work;
  }
  std::size_t thread_bytes() const {
    Parts parts{nullptr};
    lay_out(parts);
    return parts.used;
  }

  std::int64_t value_stride() const {
    return divided(plan_.tiles() * layout_.in, 32) * 32 + WinogradLayout::kApart;
  }
  std::int64_t sum_stride() const {
    return plan_.tiles() * kWinogradPanel + WinogradLayout::kApart / 2;
  }
  std::int64_t patch_width() const { return plan_.across * tile_ + 2; }
  std::int64_t patch_floats() const {
    return (plan_.down * tile_ + 2) * patch_width() * kWinogradPanel;
  }
  std::int64_t input_panels() const {
    return divided(x_.sources[0].channels, kWinogradPanel) +
           divided(x_.sources[1].channels, kWinogradPanel);
  }

  template <class Visit>
  void each_panel(const Visit& visit) const {
    std::int64_t before = 0;
    for (std::size_t source = 0; source < 2; before += x_.sources[source++].channels)
      for (std::int64_t c = 0; c < x_.sources[source].channels; c += kWinogradPanel)
        visit(Panel{source, c, std::min(kWinogradPanel, x_.sources[source].channels - c),
                    before + c});
  }

  void run_block(std::int64_t block, Work& work) const {
    std::int64_t tiles = 0;
    const auto first = block * plan_.together;
    for (auto i = first; i < std::min(first + plan_.together, plan_.patches); ++i)
      tiles += read_patch(i, tiles, work);
    for (std::int64_t panel = 0; panel < layout_.panels(); ++panel) {
      multiply(panel, tiles, work);
      write_panel(panel, tiles, work);
    }
  }

  /// Transforms the tiles of one patch as tiles `at` and after; gives their number.
  std::int64_t read_patch(std::int64_t index, std::int64_t at, Work& work) const {
    const auto per_sample = plan_.patches_down * plan_.patches_across;
    const auto inside = index % per_sample;
    const Place start = {index / per_sample, inside / plan_.patches_across * plan_.down,
                         inside % plan_.patches_across * plan_.across};
    const auto down = std::min(plan_.down, plan_.rows - start.row);
    const auto across = std::min(plan_.across, plan_.columns - start.column);
    for (std::int64_t i = 0; i < down * across; ++i)
      work.places[static_cast<std::size_t>(at + i)] = {start.sample, start.row + i / across,
                                                       start.column + i % across};
    if constexpr (kWords)
      read_words(start, down, across, at, work);
    else
      read_floats(start, down, across, at, work);
    return down * across;
  }

  /// Panel by panel, so that a patch is small.
  void read_floats(const Place& start, std::int64_t down, std::int64_t across, std::int64_t at,
                   const Work& work) const {
    each_panel([&](const Panel& panel) {
      stage_patch(start, down, across, panel, work.patch);
      for (std::int64_t i = 0; i < down * across; ++i)
        transform(work.patch, i / across, i % across, panel,
                  work.values + (at + i) * layout_.in + panel.at, value_stride());
    });
  }

  /// All panels first, since the scale of a tile's words follows from all of its channels.
  void read_words(const Place& start, std::int64_t down, std::int64_t across, std::int64_t at,
                  const Work& work) const {
    auto* patch = work.patch;
    each_panel([&](const Panel& panel) {
      stage_patch(start, down, across, panel, patch);
      patch += patch_floats();
    });
    for (std::int64_t i = 0; i < down * across; ++i) {
      patch = work.patch;
      each_panel([&](const Panel& panel) {
        transform(patch, i / across, i % across, panel, work.tile + panel.at, layout_.in);
        patch += patch_floats();
      });
      word_loops()->to_words(work.tile, layout_.in, layout_.frequencies, x_.channels(),
                             work.values + (at + i) * layout_.in, value_stride(),
                             work.scales + (at + i) * layout_.frequencies);
    }
  }

  void stage_patch(const Place& start, std::int64_t down, std::int64_t across, const Panel& panel,
                   float* patch) const {
    const auto y = start.row * tile_ - 1, x = start.column * tile_ - 1;
    for (std::int64_t i = 0; i < down * tile_ + 2; ++i)
      stage(x_,
            {start.sample, y + i, x, x + across * tile_ + 2, panel.source, panel.first,
             panel.channels},
            patch + i * patch_width() * panel.channels, panel.channels);
  }

  void transform(const float* patch, std::int64_t row, std::int64_t column, const Panel& panel,
                 float* to, std::int64_t stride) const {
    const auto* tile = patch + (row * patch_width() + column) * tile_ * panel.channels;
    winograd_loops(tile_).input(tile, patch_width() * panel.channels, panel.channels,
                                panel.channels, to, stride);
  }

  void multiply(std::int64_t panel, std::int64_t tiles, const Work& work) const {
    const auto* weights = weights_.values + layout_.start(panel);
    const auto width = layout_.width(panel);
    for (std::int64_t f = 0; f < layout_.frequencies; ++f, weights += layout_.stride(panel)) {
      const auto* values = work.values + f * value_stride();
      auto* sums = work.sums + f * sum_stride();
      if constexpr (kWords)
        word_loops()->product(values, layout_.in, tiles, layout_.in / 2, weights, width, sums);
      else
        loops().product(values, layout_.in, tiles, layout_.in, weights, width, sums);
    }
  }

  void write_panel(std::int64_t panel, std::int64_t tiles, const Work& work) const {
    const auto& size = x_.size;
    const auto channel = panel * kWinogradPanel;
    for (std::int64_t i = 0; i < tiles; ++i) {
      const auto& place = work.places[static_cast<std::size_t>(i)];
      const auto start = place.sample * size.height * size.width * layout_.out + channel;
      const TilePlace at = {size.height, size.width, place.row * tile_, place.column * tile_};
      const auto* sums = work.sums + i * layout_.width(panel);
      const auto* residual = residual_ ? residual_ + start : nullptr;
      if constexpr (kWords)
        word_loops()->output(sums, sum_stride(), work.scales + i * layout_.frequencies, at,
                             layout_.out, layout_.outputs(panel), weights_.gains + channel,
                             weights_.bias + channel, residual, out_ + start);
      else
        winograd_loops(tile_).output(sums, sum_stride(), at, layout_.out, layout_.outputs(panel),
                                     weights_.bias + channel, residual, out_ + start);
    }
  }

  const WinogradLayout& layout_;
  int tile_, threads_;
  WinogradPlan plan_;
  WinogradWeights<Value> weights_ = {};
  const PictureInput& x_;
  const float* residual_;
  float* out_;
};

}  // namespace sumi
