#pragma once

#include <cstdint>

#include "nn/kernels/quantisation.h"

namespace sumi {

/// A batch of pictures without their channels.
struct ImageSize {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;

  std::int64_t pixels() const { return batch * height * width; }
  bool operator==(const ImageSize&) const = default;
};

/// A two-dimensional convolution with a square kernel.
struct ConvolutionShape {
  std::int64_t in = 1;
  std::int64_t out = 1;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  /// Zeros around the picture; {0, 0, 1, 1} is the autoencoder's downsampling.
  Border padding = {1, 1, 1, 1};

  ImageSize output(const ImageSize& x) const {
    const auto steps = [&](std::int64_t length) { return (length - kernel) / stride + 1; };
    return {x.batch, steps(x.height + padding.top + padding.bottom),
            steps(x.width + padding.left + padding.right)};
  }
  /// Whether it only mixes the channels of each pixel.
  bool pointwise() const {
    return kernel == 1 && stride == 1 && padding.top + padding.bottom == 0 &&
           padding.left + padding.right == 0;
  }
};

}  // namespace sumi
