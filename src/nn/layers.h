#pragma once

#include <memory>

#include "nn/activations.h"
#include "nn/kernels/norms.h"
#include "nn/module.h"
#include "nn/prepared.h"

namespace sumi {

struct NormBefore;

/// y = x W^T + b over the last axis. [..., in] -> [..., out].
class Linear : public Module {
 public:
  struct Options {
    bool bias = true;
    /// The checkpoint stores the weight as a 1x1 convolution, [out, in, 1, 1].
    bool as_convolution = false;
  };
  Linear(std::int64_t in, std::int64_t out) : Linear(in, out, Options{}) {}
  Linear(std::int64_t in, std::int64_t out, Options options);

  /// Starts training at zero, so that the branch it ends adds nothing at first.
  Linear start_at_zero() &&;
  /// Starts the weight from a normal distribution and the bias at zero.
  Linear start_normal(double deviation) &&;
  /// Plus `residual` [..., out], where defined.
  Tensor forward(const Activations& x, const Tensor& residual = {}) const;
  /// The same of GEGLU of x [..., 2 * in], in training (nn/trained.h); undefined elsewhere.
  Tensor train_gated(const Tensor& x, const Tensor& residual) const;
  /// Whether the layer reads bytes, once it has seen numbers.
  bool takes_bytes() const { return prepared_->takes_bytes(); }

 private:
  std::shared_ptr<Parameter> weight_, bias_;
  std::shared_ptr<PreparedLinear> prepared_;
};

/// Two-dimensional convolution with a square kernel. [N, in, H, W] -> [N, out, H', W'].
class Conv2d : public Module {
 public:
  struct Options {
    std::int64_t kernel = 3;
    std::int64_t stride = 1;
    std::int64_t padding = 1;
    bool bias = true;
  };
  Conv2d(std::int64_t in, std::int64_t out) : Conv2d(in, out, Options{}) {}
  Conv2d(std::int64_t in, std::int64_t out, Options options);

  Conv2d start_at_zero() &&;
  /// Plus `residual` of the result's shape, where defined. It is given away: moved here, it becomes
  /// the result where nobody else reads it.
  Tensor forward(const Activations& x, Tensor residual = {}) const;
  /// The same of pictures that the kernel changes as it reads them, where takes_numbers().
  /// Undefined, with the residual as it was, where this processor has no such kernel.
  Tensor forward(const PictureInput& x, Tensor&& residual) const {
    return prepared_->run(x, std::move(residual));
  }
  /// The same of norm(x) in training (nn/trained.h); undefined elsewhere.
  Tensor train(const Tensor& x, const NormBefore& norm, const Tensor& residual) const;
  /// forward(x) of pictures that are given away, in their memory where that saves much of it.
  Tensor forward_in_place(Tensor x) const;
  bool takes_bytes() const { return prepared_->takes_bytes(); }
  bool takes_numbers() const { return prepared_->takes_numbers(); }
  Border padding() const { return prepared_->shape().padding; }

 private:
  std::shared_ptr<Parameter> weight_, bias_;
  std::shared_ptr<PreparedConvolution> prepared_;
  Options options_;
};

/// Wu & He 2018. [N, channels, ...], normalised over each group of channels.
class GroupNorm : public Module {
 public:
  GroupNorm(std::int64_t groups, std::int64_t channels, double epsilon);
  Tensor forward(const Tensor& x) const;
  /// silu(norm(x + shift)); shift [N, channels] may be undefined. x: [N, channels, H, W].
  Tensor forward_silu(const Tensor& x, const Tensor& shift = {}) const;
  /// The norm of x + shift, as a convolution in training takes it; shift may be undefined.
  NormBefore before(const Tensor& shift, bool silu) const;
  /// What forward_silu does before its SiLU, for a kernel that does it as it reads x, the channels
  /// last. Only where kernels_take(x).
  GroupNormScales scales(const Tensor& x, const Tensor& shift) const;
  /// The same, or without SiLU, as bytes with a border. Only where kernels_take(x).
  Activations to_bytes(const Tensor& x, const Tensor& shift, bool silu, const Border& border) const;

 private:
  GroupNormTask task(const Tensor& x, std::int64_t first, std::int64_t count, const Tensor& shift,
                     bool silu) const;
  Tensor by_kernel(const Tensor& x, const Tensor& shift, bool silu) const;

  std::shared_ptr<Parameter> weight_, bias_;
  std::int64_t groups_;
  double epsilon_;
};

/// Ba et al. 2016, over the last axis.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(std::int64_t width, double epsilon = 1e-5);
  Tensor forward(const Tensor& x) const;
  /// As bytes, each sample by its own scale. Only where kernels_take(x).
  Activations to_bytes(const Tensor& x) const;

 private:
  std::shared_ptr<Parameter> weight_, bias_;
  double epsilon_;
};

/// One row per id. int64 [...] -> [..., width].
class Embedding : public Module {
 public:
  Embedding(std::int64_t rows, std::int64_t width, double deviation = 1.0);
  Tensor forward(const Tensor& ids) const;
  /// The table itself, [rows, width].
  const Tensor& table() const { return weight_->value; }

 private:
  std::shared_ptr<Parameter> weight_;
};

}  // namespace sumi
