#include "nn/kernels/packed_convolution.h"

#include <algorithm>
#include <memory>
#include <variant>

#include "nn/kernels/direct_convolution.h"
#include "nn/kernels/onednn.h"
#include "nn/kernels/packed_linear.h"
#include "nn/kernels/winograd.h"
#include "nn/kernels/word_convolution.h"

namespace sumi {
namespace {

using Method = std::variant<DirectConvolution, WinogradConvolution, WordConvolution, PackedLinear>;

constexpr int kOnceTile = 4;
/// Of transformed weights, in scratch memory that every layer shares.
constexpr std::size_t kOnceBytes = std::size_t{40} << 20;
/// Transforming the weights costs as much as the products of some 30 tiles: from so many on it does
/// not show, or is still cheaper than tiles of 2 x 2 with weights that are kept.
constexpr std::int64_t kManyTiles = 4096, kEnoughTiles = 256;

bool takes_words(const ConvolutionShape& shape, const PackedConvolution::Options& options) {
  return options.words && WordConvolution::serves(shape) &&
         WordConvolution::bytes_for(shape) <= options.large_tiles;
}

/// 4, 2, or 0 where Winograd's way in floats is not taken.
int winograd_tile(const ConvolutionShape& shape, const PackedConvolution::Options& options) {
  if (!WinogradConvolution::serves(shape)) return 0;
  for (const auto& [tile, most] : {std::pair{4, options.large_tiles}, {2, options.small_tiles}})
    if (WinogradConvolution::bytes_for(shape, tile) <= most) return tile;
  return 0;
}

Method choose(const ConvolutionShape& shape, const float* weight, const float* bias,
              const PackedConvolution::Options& options) {
  if (shape.pointwise()) return PackedLinear(shape.in, shape.out, weight, bias);
  if (takes_words(shape, options)) return WordConvolution(shape.in, shape.out, weight, bias);
  if (const int tile = winograd_tile(shape, options); tile > 0)
    return WinogradConvolution(shape.in, shape.out, weight, bias, tile);
  return DirectConvolution(shape, weight, bias);
}

}  // namespace

struct PackedConvolution::State {
  ConvolutionShape shape;
  Method method;
};

PackedConvolution::PackedConvolution(const ConvolutionShape& shape, const float* weight,
                                     const float* bias, const Options& options)
    : state_(new State{shape, choose(shape, weight, bias, options)}) {}

PackedConvolution::PackedConvolution(PackedConvolution&&) noexcept = default;
PackedConvolution& PackedConvolution::operator=(PackedConvolution&&) noexcept = default;
PackedConvolution::~PackedConvolution() = default;

bool PackedConvolution::run(const PictureInput& x, float* out, const float* residual) {
  if (auto* winograd = std::get_if<WinogradConvolution>(&state_->method)) {
    winograd->run(x, out, residual);
    return true;
  }
  if (auto* words = std::get_if<WordConvolution>(&state_->method)) {
    words->run(x, out, residual);
    return true;
  }
  std::unique_ptr<float[]> staged;
  const float* from = x.sources[0].data;
  if (!x.plain()) {
    staged = std::make_unique_for_overwrite<float[]>(
        static_cast<std::size_t>(x.size.pixels() * x.channels()));
    stage_all(x, staged.get());
    from = staged.get();
  }
  if (auto* linear = std::get_if<PackedLinear>(&state_->method))
    return linear->run(from, x.size.pixels(), out, residual);
  return std::get<DirectConvolution>(state_->method).run(from, x.size, out, residual);
}

bool PackedConvolution::run_in_place(float* x, std::int64_t pixels) {
  constexpr std::int64_t kRows = 8192;
  auto* linear = std::get_if<PackedLinear>(&state_->method);
  const auto [in, out] = std::pair(shape().in, shape().out);
  if (!linear || out > in) return false;
  const auto some = std::make_unique_for_overwrite<float[]>(
      static_cast<std::size_t>(std::min(kRows, pixels) * out));
  for (std::int64_t first = 0; first < pixels; first += kRows) {
    const auto rows = std::min(kRows, pixels - first);
    if (!linear->run(x + first * in, rows, some.get())) return false;
    copy_floats(some.get(), rows * out, x + first * out);
  }
  return true;
}

std::size_t PackedConvolution::bytes_for(const ConvolutionShape& shape, const Options& options) {
  if (takes_words(shape, options)) return WordConvolution::bytes_for(shape);
  if (const int tile = winograd_tile(shape, options); tile > 0)
    return WinogradConvolution::bytes_for(shape, tile);
  return static_cast<std::size_t>(shape.in * shape.out * shape.kernel * shape.kernel) *
         sizeof(float);
}

const ConvolutionShape& PackedConvolution::shape() const { return state_->shape; }

std::size_t PackedConvolution::bytes() const {
  return std::visit([](const auto& method) { return method.bytes(); }, state_->method);
}

const char* PackedConvolution::method() const {
  if (std::holds_alternative<PackedLinear>(state_->method)) return "pointwise";
  if (std::holds_alternative<WordConvolution>(state_->method)) return "winograd 4 in words";
  if (const auto* winograd = std::get_if<WinogradConvolution>(&state_->method))
    return winograd->tile() == 4 ? "winograd 4" : "winograd 2";
  return "direct";
}

bool convolves_once(const ConvolutionShape& shape, const ImageSize& size) {
  if (!WinogradConvolution::serves(shape)) return false;
  const auto bytes = WinogradConvolution::bytes_for(shape, kOnceTile);
  const auto tiles = WinogradConvolution::tiles_of(size, kOnceTile);
  const bool kept = bytes <= PackedConvolution::Options{}.large_tiles;
  return bytes <= kOnceBytes && tiles >= (kept ? kManyTiles : kEnoughTiles);
}

void convolve_once(const ConvolutionShape& shape, const float* weight, const float* bias,
                   const PictureInput& x, float* out, const float* residual, bool words) {
  if (words && WordConvolution::serves(shape))
    return WordConvolution::run_once(shape.in, shape.out, weight, bias, x, out, residual);
  WinogradConvolution::run_once(shape.in, shape.out, weight, bias, kOnceTile, x, out, residual);
}

}  // namespace sumi
