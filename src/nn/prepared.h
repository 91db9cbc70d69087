#pragma once

#include <memory>

#include "nn/activations.h"
#include "nn/kernels/convolution_shape.h"
#include "nn/module.h"

namespace sumi {

class PackedConvolution;
class PackedLinear;
class ByteConvolution;
class ByteLinear;

/// Whether the kernels of nn/kernels compute on this tensor: float32 on the processor, of which no
/// gradient is asked for.
bool kernels_take(const Tensor& x);

/// The quality below which a layer is not left in int8, in dB: power of its output over that of
/// the error, measured on the first activations it sees.
constexpr double kLowestInt8Snr_db = 25;

/// The parameters of a layer that lays them out for this processor at their first use, as float32
/// or as bytes. Which of the two follows the weight's precision and, for bytes, a measurement on
/// the first input. A value that was exchanged is laid out anew.
class PreparedParameters {
 public:
  PreparedParameters(std::shared_ptr<Parameter> weight, std::shared_ptr<Parameter> bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  /// Whether the layer reads bytes from now on.
  bool takes_bytes() const { return wants_bytes() && measured_; }

 protected:
  bool wants_bytes() const;
  /// Whether the value is another than at the last call.
  bool exchanged();
  /// Calls make(weight, bias or null) with float32, then lets go of the file's pages.
  template <class Make>
  void lay_out(const Make& make) const {
    const Tensor weight = weight_->value.to(torch::kFloat), bias = bias_value();
    make(weight.data_ptr<float>(), bias.defined() ? bias.data_ptr<float>() : nullptr);
    release();
  }
  Tensor weight_value() const { return weight_->value.to(torch::kFloat); }
  std::int64_t size(std::size_t axis) const { return weight_->shape[axis]; }
  Tensor bias_value() const { return bias_ ? bias_->value.to(torch::kFloat) : Tensor(); }
  /// Takes note of the error of int8 and decides.
  void judge(const Tensor& exact, const Tensor& coded);
  bool measured() const { return measured_; }

 private:
  void release() const;

  std::shared_ptr<Parameter> weight_, bias_;
  const void* made_from_ = nullptr;
  std::int64_t version_ = 0;
  bool measured_ = false, accurate_ = true;
};

class PreparedLinear : public PreparedParameters {
 public:
  PreparedLinear(std::shared_ptr<Parameter> weight, std::shared_ptr<Parameter> bias);
  ~PreparedLinear();

  /// x: [..., in] -> [..., out], plus `residual` of that shape where defined. Undefined where this
  /// processor has no such product.
  Tensor run(const Activations& x, const Tensor& residual);
  void let_go();

 private:
  Tensor run_float(const Tensor& x, const Tensor& residual);
  Tensor run_bytes(const Activations& x, const Tensor& residual);
  void measure(const Tensor& x, const Tensor& out, const Tensor& residual);

  std::unique_ptr<PackedLinear> packed_;
  std::unique_ptr<ByteLinear> bytes_;
};

class PreparedConvolution : public PreparedParameters {
 public:
  PreparedConvolution(const ConvolutionShape& shape, std::shared_ptr<Parameter> weight,
                      std::shared_ptr<Parameter> bias);
  ~PreparedConvolution();

  /// x: [N, in, H, W] -> [N, out, H', W'] with the channels last in memory, plus `residual`.
  Tensor run(const Activations& x, const Tensor& residual);
  void let_go();
  const ConvolutionShape& shape() const { return shape_; }

 private:
  Tensor run_float(const Tensor& x, const Tensor& residual);
  Tensor run_bytes(const Activations& x, const Tensor& residual);
  void measure(const Tensor& x, const Tensor& out, const Tensor& residual);

  ConvolutionShape shape_;
  std::unique_ptr<PackedConvolution> packed_;
  std::unique_ptr<ByteConvolution> bytes_;
};

/// The bytes of numbers [N, ..., channels], each sample by its own scale.
Activations to_bytes(const Tensor& x);
/// The same of pictures [N, channels, H, W] with room for a border.
Activations picture_to_bytes(const Tensor& x, const Border& border);

}  // namespace sumi
