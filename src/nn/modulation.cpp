#include "nn/modulation.h"

#include <algorithm>

#include "nn/in_place.h"
#include "nn/kernels/norms.h"
#include "nn/trace.h"

namespace sumi {
namespace {

/// Calls run(first element of x, task) for every sample: a layer norm whose weights are that
/// sample's modulation. x: contiguous.
template <class Run>
void for_samples(const Tensor& x, const Modulation& modulation, double epsilon, const Run& run) {
  const Tensor weight = (modulation.scale + 1).contiguous();
  const Tensor bias = modulation.shift.contiguous();
  const auto width = x.size(-1), rows = x.numel() / x.size(0) / width;
  for (std::int64_t i = 0; i < x.size(0); ++i)
    run(i * rows * width, LayerNormTask{x.data_ptr<float>() + i * rows * width, rows, width,
                                        weight.data_ptr<float>() + i * width,
                                        bias.data_ptr<float>() + i * width, epsilon});
}

}  // namespace

Activations modulated_for(const Tensor& x, const Modulation& modulation, double epsilon,
                          std::initializer_list<const Linear*> readers) {
  if (!kernels_take(x)) {
    const Tensor normed = at::layer_norm(x, {x.size(-1)}, {}, {}, epsilon);
    return normed * (1 + modulation.scale.unsqueeze(1)) + modulation.shift.unsqueeze(1);
  }
  const TracedCall traced(LayerCall::Kind::norm);
  const Tensor from = x.contiguous();
  const bool bytes =
      std::all_of(readers.begin(), readers.end(), [](auto* r) { return r->takes_bytes(); });
  if (!bytes) {
    Tensor out = at::empty_like(from);
    for_samples(from, modulation, epsilon, [&](std::int64_t first, const LayerNormTask& task) {
      layer_norm(task, out.data_ptr<float>() + first);
    });
    return out;
  }
  Tensor coded = at::empty(from.sizes(), torch::kByte);
  std::vector<Quantisation> scales;
  for_samples(from, modulation, epsilon, [&](std::int64_t first, const LayerNormTask& task) {
    scales.push_back(layer_norm_to_bytes(task, coded.data_ptr<std::uint8_t>() + first));
  });
  return {std::move(coded), std::move(scales)};
}

Tensor add_gated(const Tensor& x, const Tensor& gate, Tensor branch) {
  // Products and sums by themselves: fused they would round by where in a vector a number lies.
  if (may_overwrite()) return branch.mul_(gate.unsqueeze(1)).add_(x);
  return x + gate.unsqueeze(1) * branch;
}

Tensor apply_gelu_tanh(Tensor x) {
  if (!may_overwrite()) return at::gelu(x, "tanh");
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    Tensor sample = x[i];
    at::gelu_(sample, "tanh");
  }
  return x;
}

}  // namespace sumi
