#pragma once

#include "nn/kernels/convolution_shape.h"
#include "nn/kernels/onednn.h"

namespace sumi {

/// A convolution as oneDNN does it: any kernel, stride and padding, channels last.
class DirectConvolution {
 public:
  DirectConvolution(const ConvolutionShape& shape, const float* weight, const float* bias);

  [[nodiscard]] bool run(const float* x, const ImageSize& size, float* out, const float* residual);
  std::size_t bytes() const { return weights_.bytes(); }

 private:
  struct Key {
    ImageSize size;
    bool adds;
    int threads;
    bool operator==(const Key&) const = default;
  };
  struct Prepared {
    dnnl::convolution_forward::primitive_desc desc;
    dnnl::convolution_forward convolution;
  };
  Prepared prepare(const Key& key) const;

  ConvolutionShape shape_;
  PackedWeights weights_;
  std::vector<float> bias_;
  PreparedCache<Key, Prepared> cache_;
};

}  // namespace sumi
