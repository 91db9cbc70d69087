#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/kernels/convolution_shape.h"

namespace sumi {

/// One call of a layer's kernel, as a measurement sees it.
struct LayerCall {
  enum class Kind { convolution, linear, attention, norm };
  Kind kind = Kind::norm;
  std::string shape;      ///< in words, e.g. "3x3 320 -> 320, 2 x 64 x 64"
  double operations = 0;  ///< multiplications and additions
  double seconds = 0;
  bool in_bytes = false;
  ConvolutionShape convolution = {};  ///< of a convolution; a linear layer's in and out
  ImageSize size = {};                ///< of a convolution's input; rows of a linear layer in width
};

/// Collects the calls that its thread makes while it lives. One at a time.
class LayerTrace {
 public:
  LayerTrace();
  ~LayerTrace();
  LayerTrace(const LayerTrace&) = delete;
  LayerTrace& operator=(const LayerTrace&) = delete;
  std::vector<LayerCall> calls;
};

/// Times a call from its construction to its end, if somebody listens.
class TracedCall {
 public:
  explicit TracedCall(LayerCall::Kind kind);
  ~TracedCall();
  TracedCall(const TracedCall&) = delete;
  TracedCall& operator=(const TracedCall&) = delete;
  /// Null where nobody listens, so that describing costs nothing then.
  LayerCall* description() { return listened_ ? &call_ : nullptr; }

 private:
  bool listened_;
  LayerCall call_;
  double start_s_ = 0;
};

}  // namespace sumi
