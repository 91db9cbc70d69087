#pragma once

#include <initializer_list>

#include "nn/layers.h"

namespace sumi {

/// What a condition makes of a normed input: norm(x) * (1 + scale) + shift (Peebles & Xie 2023,
/// section 3.2). [N, width] each.
struct Modulation {
  Tensor shift, scale;
};

/// The layer norm without weights of its own, modulated, in the form that all of its readers take.
/// x: [N, tokens, width].
Activations modulated_for(const Tensor& x, const Modulation& modulation, double epsilon,
                          std::initializer_list<const Linear*> readers);

/// x + gate * branch, a residual branch that a condition opens. x, branch: [N, tokens, width];
/// gate: [N, width]. The branch is given away.
Tensor add_gated(const Tensor& x, const Tensor& gate, Tensor branch);

/// GELU with the tanh approximation (Hendrycks & Gimpel 2016). x: [N, …], given away. A sample's
/// numbers do not depend on the others of its batch.
Tensor apply_gelu_tanh(Tensor x);

}  // namespace sumi
