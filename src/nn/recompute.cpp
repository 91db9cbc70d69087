#include "nn/recompute.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <memory>

#include "nn/bf16_products.h"

namespace sumi {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

/// The same values without what made them; gradients stop there and can be read off.
variable_list cut_off(const variable_list& tensors) {
  variable_list leaves;
  for (const auto& tensor : tensors)
    leaves.push_back(tensor.detach().requires_grad_(tensor.requires_grad()));
  return leaves;
}

/// The way back of one part.
struct Recomputation : torch::autograd::Node {
  TensorFunction part;
  std::vector<SavedVariable> inputs;
  bool in_bf16 = Bf16Products::are_on();  // the way back may run in another thread

  variable_list apply(variable_list&& gradients) override {
    variable_list values;
    for (auto& input : inputs) values.push_back(input.unpack());
    const variable_list leaves = cut_off(values);
    variable_list outputs, wanted;
    {
      const at::AutoGradMode with_gradients(true);
      const Bf16Products same_products(in_bf16);
      const auto made = part(leaves);
      for (std::size_t i = 0; i < made.size(); ++i) {
        if (!gradients[i].defined()) continue;
        outputs.push_back(made[i]);
        wanted.push_back(gradients[i]);
      }
    }
    torch::autograd::backward(outputs, wanted);
    variable_list result;
    for (const auto& leaf : leaves) result.push_back(leaf.grad());
    return result;
  }

  void release_variables() override {
    for (auto& input : inputs) input.reset_data();
    part = {};
  }
};

}  // namespace

std::vector<Tensor> recomputed(const TensorFunction& part, const std::vector<Tensor>& inputs) {
  const auto node = std::shared_ptr<Recomputation>(new Recomputation, torch::autograd::deleteNode);
  node->part = part;
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (const auto& input : inputs) node->inputs.emplace_back(input, false);
  // With gradients, so that the layers choose the same kernels as on the way back.
  auto outputs = part(cut_off(inputs));
  for (auto& output : outputs) {
    output = output.detach();
    torch::autograd::set_history(output, node);
  }
  return outputs;
}

}  // namespace sumi
