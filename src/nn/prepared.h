#pragma once

#include <memory>

#include "nn/activations.h"
#include "nn/kernels/byte_weights.h"
#include "nn/kernels/picture_input.h"
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
  /// Whether it reads float32 and is not about to be measured.
  bool takes_numbers() const { return !wants_bytes(); }

 protected:
  bool wants_bytes() const;
  /// Whether products of 16-bit integers will do, where there are some.
  bool wants_words() const;
  /// Whether the value is another than at the last call.
  bool exchanged();
  /// Calls make(weight, bias or null) with float32, then lets go of the file's pages.
  template <class Make>
  void lay_out(const Make& make) const {
    const Tensor weight = weight_value(), bias = bias_value();
    make(weight.data_ptr<float>(), bias.defined() ? bias.data_ptr<float>() : nullptr);
    release();
  }
  /// Calls make(byte weights, bias or null), then lets go of the file's pages. The weights are read
  /// a few MiB at a time.
  template <class Make>
  void lay_out_bytes(const Make& make) const {
    const Tensor bias = bias_value();
    make(byte_weights(), bias.defined() ? bias.data_ptr<float>() : nullptr);
    release();
  }
  /// As float32, multiplied out where the file holds bytes.
  Tensor weight_value() const { return channels(0, size(0)); }
  Tensor bias_value() const { return bias_ ? bias_->value.to(torch::kFloat) : Tensor(); }
  std::int64_t size(std::size_t axis) const { return weight_->shape[axis]; }
  /// Takes note of the error of int8 and decides: exact(weight, bias) gives what the layer makes
  /// with some of its output channels, coded(first, count) what int8 made of the same ones.
  using Exact = std::function<Tensor(const Tensor& weight, const Tensor& bias)>;
  using Coded = std::function<Tensor(std::int64_t first, std::int64_t count)>;
  void judge(const Exact& exact, const Coded& coded);
  bool measured() const { return measured_; }
  /// Whether the file held bytes, which were measured before they were stored.
  bool stored_as_bytes() const { return weight_->scale.defined(); }
  void trust_stored() { measured_ = true; }

 private:
  ByteWeights byte_weights() const;
  /// Output channels first to first + count - 1 of the weight as float32.
  Tensor channels(std::int64_t first, std::int64_t count) const;
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
  /// Memory of the layout, or of the one that would be made now.
  std::uint64_t layout_bytes() const;

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

  /// x: [N, in, H, W] -> [N, out, H', W'] with the channels last in memory, plus `residual`, which
  /// is given away unless the result is undefined: it becomes the result if nobody else reads it.
  Tensor run(const Activations& x, Tensor&& residual);
  /// The same of what `x` points to, where takes_numbers().
  Tensor run(const PictureInput& x, Tensor&& residual);
  /// A 1 x 1 convolution of pictures that are given away, written over them. Undefined, with x as
  /// it was, unless nobody else reads them and the result is no larger.
  Tensor run_in_place(const Tensor& x);
  void let_go();
  std::uint64_t layout_bytes() const;
  const ConvolutionShape& shape() const { return shape_; }

 private:
  void lay_out_floats();
  Tensor run_float(const PictureInput& x, Tensor&& residual);
  Tensor run_bytes(const Activations& x, const Tensor& residual);
  void measure(const Tensor& x, const Tensor& out, const Tensor& residual);

  ConvolutionShape shape_;
  std::unique_ptr<PackedConvolution> packed_;
  bool packed_words_ = false;
  std::unique_ptr<ByteConvolution> bytes_;
};

/// Pictures [N, channels, H, W] with the channels last in memory, as a convolution's kernel reads
/// them. The tensor must outlive the result.
PictureInput picture_input(const Tensor& x);

/// The bytes of numbers [N, ..., channels], each sample by its own scale.
Activations to_bytes(const Tensor& x);
/// The same of pictures [N, channels, H, W] with room for a border.
Activations picture_to_bytes(const Tensor& x, const Border& border);

}  // namespace sumi
