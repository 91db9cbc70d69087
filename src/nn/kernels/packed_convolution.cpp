#include "nn/kernels/packed_convolution.h"

#include <variant>

#include "nn/kernels/direct_convolution.h"
#include "nn/kernels/packed_linear.h"
#include "nn/kernels/winograd.h"

namespace sumi {
namespace {

using Method = std::variant<DirectConvolution, WinogradConvolution, PackedLinear>;

Method choose(const ConvolutionShape& shape, const float* weight, const float* bias,
              const PackedConvolution::Options& options) {
  if (shape.pointwise()) return PackedLinear(shape.in, shape.out, weight, bias);
  if (WinogradConvolution::serves(shape))
    for (const auto& [tile, most] : {std::pair{4, options.large_tiles}, {2, options.small_tiles}})
      if (WinogradConvolution::bytes_for(shape, tile) <= most)
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

bool PackedConvolution::run(const float* x, const ImageSize& size, float* out,
                            const float* residual) {
  if (auto* linear = std::get_if<PackedLinear>(&state_->method))
    return linear->run(x, size.pixels(), out, residual);
  if (auto* winograd = std::get_if<WinogradConvolution>(&state_->method))
    return winograd->run(x, size, out, residual);
  return std::get<DirectConvolution>(state_->method).run(x, size, out, residual);
}

const ConvolutionShape& PackedConvolution::shape() const { return state_->shape; }

std::size_t PackedConvolution::bytes() const {
  return std::visit([](const auto& method) { return method.bytes(); }, state_->method);
}

const char* PackedConvolution::method() const {
  if (std::holds_alternative<PackedLinear>(state_->method)) return "pointwise";
  if (const auto* winograd = std::get_if<WinogradConvolution>(&state_->method))
    return winograd->tile() == 4 ? "winograd 4" : "winograd 2";
  return "direct";
}

}  // namespace sumi
