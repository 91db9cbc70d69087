#include "nn/byte_state.h"

#include <cstring>

#include "core/mapped_pages.h"
#include "core/stored_bytes.h"
#include "nn/kernels/byte_weights.h"
#include "nn/prepared.h"

namespace sumi {
namespace {

constexpr std::int64_t kLeastWeights = 4096;

bool goes_into_bytes(const Parameter& slot) {
  return slot.let_go && !slot.scale.defined() && slot.value.numel() >= kLeastWeights &&
         slot.int8_snr_db >= kLowestInt8Snr_db;
}

void add_as_bytes(StateDict& state, const std::string& path, const Tensor& value) {
  const auto out = value.size(0), inner = value.numel() / out;
  Tensor piece;
  const auto bytes = quantise_weights(
      [&](std::int64_t first, std::int64_t count) {
        piece = value.narrow(0, first, count).to(torch::kFloat).contiguous();
        return static_cast<const float*>(piece.data_ptr<float>());
      },
      out, inner);
  Tensor values = torch::empty(value.sizes(), torch::kChar), scale = torch::empty({out});
  std::memcpy(values.data_ptr(), bytes.values.data(), bytes.values.size());
  std::memcpy(scale.data_ptr(), bytes.scale.data(), bytes.scale.size() * sizeof(float));
  release_mapped_pages(value.data_ptr(), value.nbytes());
  state.emplace(path, std::move(values));
  state.emplace(scale_name(path), std::move(scale));
}

}  // namespace

StateDict byte_state(const Module& module) {
  StateDict state = state_of(module);
  for (const auto& [path, slot] : module.slots()) {
    if (!goes_into_bytes(*slot)) continue;
    state.erase(path);
    add_as_bytes(state, path, slot->value);
  }
  return state;
}

}  // namespace sumi
