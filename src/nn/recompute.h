#pragma once

#include <functional>
#include <vector>

#include "core/tensor.h"

namespace sumi {

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>& inputs)>;

/// part(inputs) of which the way back keeps only the inputs and computes the rest a second time
/// (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost"). Gradients go to `inputs`
/// and to the parameters that `part` uses; they are the same bits as without, as long as part()
/// gives the same bits each time. One of the inputs has to require a gradient. `part` lives as long
/// as the result's graph; the outputs must be different tensors.
std::vector<Tensor> recomputed(const TensorFunction& part, const std::vector<Tensor>& inputs);

}  // namespace sumi
