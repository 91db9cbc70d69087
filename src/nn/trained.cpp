#include "nn/trained.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "nn/attention_problem.h"
#include "nn/bf16_products.h"
#include "nn/kernels/attention_gradient.h"
#include "nn/kernels/loops.h"
#include "nn/kernels/norms.h"
#include "nn/kernels/trained_group_norm.h"
#include "nn/kernels/trained_products.h"

namespace sumi {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool is_plain(const Tensor& x) {
  return !x.defined() ||
         (x.is_cpu() && x.scalar_type() == torch::kFloat && x.layout() == torch::kStrided);
}

/// Whether gradients are wanted and all tensors are float32 in the processor's memory.
bool serves(const Tensor& x, std::initializer_list<const Tensor*> others) {
  return torch::GradMode::is_enabled() && x.defined() && x.numel() > 0 && is_plain(x) &&
         std::all_of(others.begin(), others.end(), [](auto* other) { return is_plain(*other); });
}

Factors wanted_factors() { return Bf16Products::are_on() ? Factors::bf16 : Factors::fp32; }

const float* data_of(const Tensor& x) { return x.defined() ? x.data_ptr<float>() : nullptr; }

Bf16* bf16_data(const Tensor& x) { return reinterpret_cast<Bf16*>(x.data_ptr<at::BFloat16>()); }

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

Tensor empty_pictures(at::IntArrayRef sizes, torch::ScalarType type = torch::kFloat) {
  return at::empty(sizes, torch::TensorOptions(type).memory_format(at::MemoryFormat::ChannelsLast));
}

/// Calls work(first, count) for pieces of `count` elements, on all threads.
template <class Work>
void over_pieces(std::int64_t count, const Work& work) {
  constexpr std::int64_t kPiece = 1 << 14;
#pragma omp parallel for if (count > kPiece)
  for (std::int64_t first = 0; first < count; first += kPiece)
    work(first, std::min(kPiece, count - first));
}

/// Dense numbers as products take them, in the same layout.
Tensor as_factor(const Tensor& dense, Factors factors) {
  if (factors == Factors::fp32) return dense;
  Tensor rounded = at::empty_like(dense, dense.options().dtype(torch::kBFloat16));
  const float* from = dense.data_ptr<float>();
  Bf16* to = bf16_data(rounded);
  over_pieces(dense.numel(), [&](std::int64_t first, std::int64_t count) {
    training_loops().to_bf16(from + first, count, to + first);
  });
  return rounded;
}

const void* factor_data(const Tensor& x) { return x.data_ptr(); }

Factors factors_of(const Tensor& x) {
  return x.scalar_type() == torch::kBFloat16 ? Factors::bf16 : Factors::fp32;
}

/// An incoming gradient, dense with `width` last, as a factor, and its sum over all rows if asked.
/// Rows are cut at the same places however many threads there are.
struct TakenGradient {
  Tensor factor, sum;
};

TakenGradient taken(const Tensor& gradient, std::int64_t width, Factors factors, bool sums) {
  if (!sums) return {as_factor(gradient, factors), {}};
  constexpr std::int64_t kRows = 256;
  const auto rows = gradient.numel() / width, pieces = (rows + kRows - 1) / kRows;
  Tensor factor = factors == Factors::fp32
                      ? gradient
                      : at::empty_like(gradient, gradient.options().dtype(torch::kBFloat16));
  const Tensor parts = at::zeros({pieces, width}, gradient.options());
  const float* from = gradient.data_ptr<float>();
  Bf16* to = factors == Factors::fp32 ? nullptr : bf16_data(factor);
  float* part = parts.data_ptr<float>();
#pragma omp parallel for if (pieces > 1)
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const auto first = piece * kRows;
    training_loops().column_sums(from + first * width, std::min(kRows, rows - first), width,
                                 to ? to + first * width : nullptr, part + piece * width);
  }
  return {std::move(factor), parts.sum(0)};
}

/// An input of a function that may be missing.
using Maybe = c10::optional<Tensor>;

Maybe maybe(const Tensor& x) { return x.defined() ? Maybe(x) : c10::nullopt; }
Tensor or_none(const Maybe& x) { return x ? *x : Tensor(); }

/// LibTorch numbers the inputs that are there: keeps the number of each, -1 for those that are not.
void keep_places(AutogradContext* context, std::initializer_list<bool> defined) {
  std::vector<std::int64_t> places;
  std::int64_t next = 0;
  for (const bool there : defined) places.push_back(there ? next++ : -1);
  context->saved_data["places"] = places;
}

/// Whether anybody wants the gradient of that input.
class Wanted {
 public:
  explicit Wanted(AutogradContext* context)
      : context_(context), places_(context->saved_data["places"].toIntVector()) {}
  bool operator()(std::size_t input) const {
    return places_[input] >= 0 &&
           context_->needs_input_grad(static_cast<std::size_t>(places_[input]));
  }

 private:
  AutogradContext* context_;
  std::vector<std::int64_t> places_;
};

/// What a function keeps of its numbers beside tensors.
template <class Number>
void keep(AutogradContext* context, const char* name, Number number) {
  context->saved_data[name] = number;
}

std::int64_t kept_integer(AutogradContext* context, const char* name) {
  return context->saved_data[name].toInt();
}

std::vector<std::int64_t> values_of(const ConvolutionShape& s) {
  const auto& p = s.padding;
  return {s.in, s.out, s.kernel, s.stride, p.top, p.bottom, p.left, p.right};
}

ConvolutionShape shape_of(const std::vector<std::int64_t>& v) {
  ConvolutionShape shape{v[0], v[1], v[2], v[3], {}};
  const auto side = [&](std::size_t i) { return static_cast<int>(v[i]); };
  shape.padding.top = side(4), shape.padding.bottom = side(5);
  shape.padding.left = side(6), shape.padding.right = side(7);
  return shape;
}

TrainedConvolution convolution_of(const Tensor& x, const ConvolutionShape& shape, Factors factors) {
  return {shape, {x.size(0), x.size(2), x.size(3)}, factors};
}

/// x: channels last.
TrainedGroupNorm norm_of(const Tensor& x, const Tensor& shift, const Tensor& weight,
                         const Tensor& bias, std::int64_t groups, double epsilon, bool silu) {
  return {x.data_ptr<float>(),
          x.size(0),
          x.size(2) * x.size(3),
          x.size(1),
          data_of(shift),
          data_of(weight),
          data_of(bias),
          groups,
          epsilon,
          silu};
}

/// The statistics of a norm: [2, N, channels].
Tensor measured(const TrainedGroupNorm& norm) {
  const Tensor both = at::empty({2, norm.batch, norm.channels}, torch::kFloat);
  norm.measure(both[0].data_ptr<float>(), both[1].data_ptr<float>());
  return both;
}

/// The gradients of a norm's parameters; that of x is written over `slope`.
struct NormGradients {
  Tensor weight, bias, shift;
};

NormGradients norm_backward(const TrainedGroupNorm& norm, const Tensor& both, const Tensor& slope,
                            bool shifted) {
  NormGradients made = {at::empty({norm.channels}, torch::kFloat),
                        at::empty({norm.channels}, torch::kFloat), Tensor()};
  if (shifted) made.shift = at::empty({norm.batch, norm.channels}, torch::kFloat);
  norm.backward(both[0].data_ptr<float>(), both[1].data_ptr<float>(), slope.data_ptr<float>(),
                {made.weight.data_ptr<float>(), made.bias.data_ptr<float>(),
                 shifted ? made.shift.data_ptr<float>() : nullptr});
  return made;
}

Tensor contiguous_or_none(const Tensor& x) { return x.defined() ? x.contiguous() : x; }

/// A copy of the residual to add to, or room for the result.
Tensor room_for(const Tensor& residual, Tensor empty) {
  if (residual.defined()) empty.copy_(residual);
  return empty;
}

/// convolution(norm(x)) + residual.
struct Convolution : torch::autograd::Function<Convolution> {
  enum Input : std::size_t { kX, kWeight, kBias, kResidual, kShift, kNormWeight, kNormBias };

  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Maybe& some_bias, const Maybe& some_residual, const Maybe& some_shift,
                        const Maybe& some_norm_weight, const Maybe& some_norm_bias,
                        const std::vector<std::int64_t>& shape_values, std::int64_t groups,
                        double epsilon, bool silu, bool in_bf16) {
    const Tensor bias = or_none(some_bias), residual = or_none(some_residual),
                 shift = or_none(some_shift), norm_weight = or_none(some_norm_weight),
                 norm_bias = or_none(some_norm_bias);
    keep_places(context, {true, true, bias.defined(), residual.defined(), shift.defined(),
                          norm_weight.defined(), norm_bias.defined()});
    const auto factors = in_bf16 ? Factors::bf16 : Factors::fp32;
    const auto convolution = convolution_of(x, shape_of(shape_values), factors);
    const Tensor from = channels_last(x), kernel = weight.contiguous();
    const Tensor moved = contiguous_or_none(shift);
    Tensor factor, both;
    if (norm_weight.defined()) {
      const auto norm = norm_of(from, moved, norm_weight, norm_bias, groups, epsilon, silu);
      both = measured(norm);
      factor = empty_pictures(from.sizes(), in_bf16 ? torch::kBFloat16 : torch::kFloat);
      const float *scale = both[0].data_ptr<float>(), *offset = both[1].data_ptr<float>();
      in_bf16 ? norm.forward(scale, offset, bf16_data(factor))
              : norm.forward(scale, offset, factor.data_ptr<float>());
    } else {
      factor = as_factor(from, factors);
    }
    const auto to = convolution.shape.output(convolution.size);
    Tensor out =
        room_for(residual, empty_pictures({to.batch, convolution.shape.out, to.height, to.width}));
    convolution.forward(factor_data(factor), kernel.data_ptr<float>(), data_of(bias),
                        residual.defined(), out.data_ptr<float>());
    context->save_for_backward({norm_weight.defined() ? from : Tensor(), kernel, moved, norm_weight,
                                norm_bias, factor, both});
    keep(context, "shape", shape_values);
    keep(context, "size", x.sizes().vec());
    keep(context, "groups", groups);
    keep(context, "epsilon", epsilon);
    keep(context, "silu", silu);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &kernel = saved[1], &moved = saved[2], &norm_weight = saved[3],
                 &norm_bias = saved[4], &factor = saved[5], &both = saved[6];
    const auto shape = shape_of(context->saved_data["shape"].toIntVector());
    const auto size = context->saved_data["size"].toIntVector();
    const TrainedConvolution convolution = {shape, {size[0], size[2], size[3]}, factors_of(factor)};
    const Wanted wants(context);
    variable_list made(12);
    const auto gradient =
        taken(channels_last(gradients[0]), shape.out, convolution.factors, wants(kBias));
    made[kBias] = gradient.sum;
    if (wants(kResidual)) made[kResidual] = gradients[0];
    if (wants(kWeight)) {
      made[kWeight] = at::empty(kernel.sizes(), kernel.options());
      convolution.to_weight(factor_data(factor), factor_data(gradient.factor),
                            made[kWeight].data_ptr<float>());
    }
    const bool normed = norm_weight.defined();
    const bool wants_norm = normed && (wants(kNormWeight) || wants(kNormBias) || wants(kShift));
    if (!wants(kX) && !wants_norm) return made;
    const Tensor slope = empty_pictures(size);
    convolution.to_input(factor_data(gradient.factor), kernel.data_ptr<float>(),
                         slope.data_ptr<float>());
    if (normed) {
      const auto norm =
          norm_of(x, moved, norm_weight, norm_bias, kept_integer(context, "groups"),
                  context->saved_data["epsilon"].toDouble(), context->saved_data["silu"].toBool());
      auto of_norm = norm_backward(norm, both, slope, wants(kShift));
      made[kShift] = of_norm.shift;
      made[kNormWeight] = of_norm.weight;
      made[kNormBias] = of_norm.bias;
    }
    made[kX] = slope;
    return made;
  }
};

/// norm(x) alone.
struct Norm : torch::autograd::Function<Norm> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Maybe& some_shift,
                        const Tensor& weight, const Tensor& bias, std::int64_t groups,
                        double epsilon, bool silu) {
    const Tensor shift = or_none(some_shift);
    keep_places(context, {true, shift.defined(), true, true});
    const Tensor from = channels_last(x), moved = contiguous_or_none(shift);
    const auto norm = norm_of(from, moved, weight, bias, groups, epsilon, silu);
    const Tensor both = measured(norm);
    Tensor out = empty_pictures(from.sizes());
    norm.forward(both[0].data_ptr<float>(), both[1].data_ptr<float>(), out.data_ptr<float>());
    context->save_for_backward({from, moved, weight, bias, both});
    keep(context, "groups", groups);
    keep(context, "epsilon", epsilon);
    keep(context, "silu", silu);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor slope = empty_pictures(saved[0].sizes());
    slope.copy_(gradients[0]);
    const auto norm =
        norm_of(saved[0], saved[1], saved[2], saved[3], kept_integer(context, "groups"),
                context->saved_data["epsilon"].toDouble(), context->saved_data["silu"].toBool());
    const bool shifted = Wanted(context)(1);
    auto made = norm_backward(norm, saved[4], slope, shifted);
    return {slope, made.shift, made.weight, made.bias, Tensor(), Tensor(), Tensor()};
  }
};

/// [..., width] -> its rows.
std::int64_t rows_of(const Tensor& x) { return x.numel() / x.size(-1); }

/// What both linear layers do on the way back, up to the gradient of what is multiplied.
struct LinearGradients {
  Tensor factor, weight, bias, residual;
};

Tensor linear_forward(const Tensor& factor, const Tensor& matrix, const Tensor& bias,
                      const Tensor& residual, std::vector<std::int64_t> sizes) {
  sizes.back() = matrix.size(0);
  const auto rows = rows_of(factor);
  Tensor out = room_for(residual, at::empty(sizes, torch::kFloat));
  const TrainedProduct product = {rows, matrix.size(1), matrix.size(0), factors_of(factor)};
  product.run({factor_data(factor)}, {factor_data(matrix), true}, data_of(bias), residual.defined(),
              out.data_ptr<float>());
  return out;
}

LinearGradients linear_backward(const Tensor& gradient, const Tensor& factor, const Tensor& matrix,
                                bool to_input, bool to_weight, bool to_bias) {
  const auto rows = rows_of(factor), in = matrix.size(1), out = matrix.size(0);
  const auto factors = factors_of(factor);
  const auto given = taken(gradient.contiguous(), out, factors, to_bias);
  LinearGradients made;
  made.bias = given.sum;
  if (to_weight) {
    made.weight = at::empty({out, in}, torch::kFloat);
    TrainedProduct{out, rows, in, factors}.run({factor_data(given.factor), true},
                                               {factor_data(factor)}, nullptr, false,
                                               made.weight.data_ptr<float>());
  }
  if (to_input) {
    auto sizes = gradient.sizes().vec();
    sizes.back() = in;
    made.factor = at::empty(sizes, torch::kFloat);
    TrainedProduct{rows, out, in, factors}.run({factor_data(given.factor)}, {factor_data(matrix)},
                                               nullptr, false, made.factor.data_ptr<float>());
  }
  return made;
}

struct LinearLayer : torch::autograd::Function<LinearLayer> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Maybe& some_bias, const Maybe& some_residual, bool in_bf16) {
    const Tensor bias = or_none(some_bias), residual = or_none(some_residual);
    keep_places(context, {true, true, bias.defined(), residual.defined()});
    const auto factors = in_bf16 ? Factors::bf16 : Factors::fp32;
    const Tensor factor = as_factor(x.contiguous(), factors);
    const Tensor matrix = as_factor(weight.contiguous(), factors);
    context->save_for_backward({factor, matrix});
    return linear_forward(factor, matrix, bias, residual, x.sizes().vec());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Wanted wants(context);
    auto made = linear_backward(gradients[0], saved[0], saved[1], wants(0), wants(1), wants(2));
    return {made.factor, made.weight, made.bias, wants(3) ? gradients[0] : Tensor(), Tensor()};
  }
};

/// A linear layer over GEGLU.
struct GatedLinear : torch::autograd::Function<GatedLinear> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Maybe& some_bias, const Maybe& some_residual, bool in_bf16) {
    const Tensor bias = or_none(some_bias), residual = or_none(some_residual);
    keep_places(context, {true, true, bias.defined(), residual.defined()});
    const auto factors = in_bf16 ? Factors::bf16 : Factors::fp32;
    const Tensor from = x.contiguous(), matrix = as_factor(weight.contiguous(), factors);
    auto sizes = x.sizes().vec();
    sizes.back() /= 2;
    const Tensor factor = at::empty(sizes, in_bf16 ? torch::kBFloat16 : torch::kFloat);
    over_rows(from, [&](std::int64_t first, std::int64_t rows) {
      const auto width = sizes.back();
      const float* start = from.data_ptr<float>() + 2 * first * width;
      if (in_bf16)
        training_loops().geglu_to_bf16(start, rows, width, bf16_data(factor) + first * width);
      else
        loops().geglu(start, rows, width, factor.data_ptr<float>() + first * width, width);
    });
    context->save_for_backward({from, factor, matrix});
    return linear_forward(factor, matrix, bias, residual, sizes);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Wanted wants(context);
    auto made = linear_backward(gradients[0], saved[1], saved[2], wants(0), wants(1), wants(2));
    Tensor slope;
    if (wants(0)) {
      slope = at::empty_like(x);
      over_rows(x, [&](std::int64_t first, std::int64_t rows) {
        const auto width = x.size(-1) / 2;
        training_loops().geglu_gradient(x.data_ptr<float>() + 2 * first * width,
                                        made.factor.data_ptr<float>() + first * width, rows, width,
                                        slope.data_ptr<float>() + 2 * first * width);
      });
    }
    return {slope, made.weight, made.bias, wants(3) ? gradients[0] : Tensor(), Tensor()};
  }

 private:
  template <class Work>
  static void over_rows(const Tensor& x, const Work& work) {
    constexpr std::int64_t kRows = 16;
    const auto rows = rows_of(x);
#pragma omp parallel for if (rows > kRows)
    for (std::int64_t first = 0; first < rows; first += kRows)
      work(first, std::min(kRows, rows - first));
  }
};

struct NormOfLayer : torch::autograd::Function<NormOfLayer> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, double epsilon) {
    const Tensor from = x.contiguous();
    Tensor out = at::empty_like(from);
    layer_norm({from.data_ptr<float>(), rows_of(from), from.size(-1), data_of(weight),
                data_of(bias), epsilon},
               out.data_ptr<float>());
    context->save_for_backward({from, weight});
    keep(context, "epsilon", epsilon);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    constexpr std::int64_t kRows = 64;
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], gradient = gradients[0].contiguous();
    const auto width = x.size(-1), rows = rows_of(x), pieces = (rows + kRows - 1) / kRows;
    const auto epsilon = static_cast<float>(context->saved_data["epsilon"].toDouble());
    const Tensor out = at::empty_like(x);
    const Tensor sums = at::zeros({2, pieces, width}, torch::kFloat);
    float* to_weight = sums.data_ptr<float>();
    float* to_bias = to_weight + pieces * width;
#pragma omp parallel for if (pieces > 1)
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const auto at = piece * kRows * width;
      training_loops().layer_norm_gradient(
          x.data_ptr<float>() + at, gradient.data_ptr<float>() + at,
          std::min(kRows, rows - piece * kRows), width, weight.data_ptr<float>(), epsilon,
          out.data_ptr<float>() + at, to_weight + piece * width, to_bias + piece * width);
    }
    const Tensor whole = sums.sum(1);
    return {out, whole[0], whole[1], Tensor()};
  }
};

Tensor dense_tokens(const Tensor& x) { return x.stride(2) == 1 ? x : x.contiguous(); }

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        std::int64_t heads, bool causal) {
    const Tensor qs = dense_tokens(q), ks = dense_tokens(k), vs = dense_tokens(v);
    Tensor out = at::empty(q.sizes(), torch::kFloat);
    const auto problem = attention_problem(qs, ks, vs, out, heads, causal);
    attend(problem);
    context->save_for_backward({qs, ks, vs});
    keep(context, "heads", heads);
    keep(context, "causal", causal);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const Tensor gradient = dense_tokens(gradients[0]);
    const auto heads = kept_integer(context, "heads");
    variable_list made;
    for (const auto& x : saved) made.push_back(at::empty(x.sizes(), x.options()));
    AttentionGradient way{.batch = q.size(0),
                          .heads = heads,
                          .queries = q.size(1),
                          .keys = k.size(1),
                          .width = q.size(2) / heads,
                          .q = heads_view<const float>(q, heads),
                          .k = heads_view<const float>(k, heads),
                          .v = heads_view<const float>(v, heads),
                          .gradient = heads_view<const float>(gradient, heads),
                          .to_q = heads_view<float>(made[0], heads),
                          .to_k = heads_view<float>(made[1], heads),
                          .to_v = heads_view<float>(made[2], heads),
                          .causal = context->saved_data["causal"].toBool()};
    way.scale = scale_of(way.width);
    way.run();
    made.resize(5);
    return made;
  }

 private:
  static float scale_of(std::int64_t width) {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)));
  }
};

Tensor convolved(const Tensor& x, const NormBefore& norm, const Tensor& weight, const Tensor& bias,
                 const ConvolutionShape& shape, const Tensor& residual) {
  if (!serves(x, {&weight, &bias, &residual, &norm.weight, &norm.bias, &norm.shift})) return {};
  if (x.dim() != 4 || !convolution_of(x, shape, wanted_factors()).runs()) return {};
  return Convolution::apply(x, weight, maybe(bias), maybe(residual), maybe(norm.shift),
                            maybe(norm.weight), maybe(norm.bias), values_of(shape), norm.groups,
                            norm.epsilon, norm.silu, Bf16Products::are_on());
}

}  // namespace

Tensor trained_convolution(const Tensor& x, const Tensor& weight, const Tensor& bias,
                           const ConvolutionShape& shape, const Tensor& residual) {
  return convolved(x, {}, weight, bias, shape, residual);
}

Tensor trained_convolution(const Tensor& x, const NormBefore& norm, const Tensor& weight,
                           const Tensor& bias, const ConvolutionShape& shape,
                           const Tensor& residual) {
  return convolved(x, norm, weight, bias, shape, residual);
}

Tensor trained_group_norm(const Tensor& x, const NormBefore& norm) {
  if (!serves(x, {&norm.weight, &norm.bias, &norm.shift}) || x.dim() != 4) return {};
  return Norm::apply(x, maybe(norm.shift), norm.weight, norm.bias, norm.groups, norm.epsilon,
                     norm.silu);
}

Tensor trained_linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const Tensor& residual) {
  if (!serves(x, {&weight, &bias, &residual}) || !multiplies(wanted_factors())) return {};
  return LinearLayer::apply(x, weight, maybe(bias), maybe(residual), Bf16Products::are_on());
}

Tensor trained_gated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& residual) {
  if (!serves(x, {&weight, &bias, &residual}) || !multiplies(wanted_factors())) return {};
  return GatedLinear::apply(x, weight, maybe(bias), maybe(residual), Bf16Products::are_on());
}

Tensor trained_layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                          double epsilon) {
  if (!serves(x, {&weight, &bias})) return {};
  return NormOfLayer::apply(x, weight, bias, epsilon);
}

Tensor trained_attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t heads,
                         bool causal) {
  constexpr std::int64_t kMostScores = 1 << 20;  // of one head
  if (!serves(q, {&k, &v}) || k.numel() == 0 || q.size(1) * k.size(1) > kMostScores) return {};
  return Attention::apply(q, k, v, heads, causal);
}

}  // namespace sumi
