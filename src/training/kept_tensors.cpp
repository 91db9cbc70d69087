#include "training/kept_tensors.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <memory>

#include "core/error.h"
#include "core/paths.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;

std::filesystem::path folder_of(const std::string& kind, const Module& network,
                                const Json& config) {
  return kept_folder(cache_directory()) / fmt::format("{}-{}", kind, network_hash(network, config));
}

}  // namespace

std::string network_hash(const Module& network, const Json& config) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  const auto add = [&](const void* data, std::size_t size) {
    XXH3_128bits_update(state.get(), data, size);
  };
  const auto add_text = [&](const std::string& text) { add(text.c_str(), text.size() + 1); };
  add_text(config.dump());
  for (const auto& [name, tensor] : state_of(network)) {
    const Tensor whole = tensor.detach().cpu().contiguous();
    add_text(fmt::format("{} {} {}", name, c10::toString(whole.scalar_type()),
                         fmt::join(whole.sizes(), "x")));
    const auto bytes = bytes_of(whole);
    add(bytes.data(), bytes.size());
  }
  const auto hash = XXH3_128bits_digest(state.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

KeptTensors::KeptTensors(const std::string& kind, const Module& network, const Json& config,
                         int limit_mb)
    : cache_(folder_of(kind, network, config), config.dump(2),
             static_cast<std::uint64_t>(limit_mb) * kMegabyte) {}

Tensor KeptTensors::restored(std::span<const std::byte> bytes, at::IntArrayRef shape) {
  Tensor tensor = at::empty(shape, torch::kFloat);
  if (bytes.size() != tensor.nbytes())
    throw Error(
        fmt::format("a cache holds {} bytes where {} are needed", bytes.size(), tensor.nbytes()),
        "clear it: sumi data cache --clear");
  std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

void KeptTensors::keep(const std::string& key, const Tensor& made) const {
  cache_.keep(key, bytes_of(made.detach().to(torch::kCPU, torch::kFloat).contiguous()));
}

Tensor KeptTensors::get(const std::string& key, at::IntArrayRef shape,
                        const std::function<Tensor()>& make) const {
  if (const auto bytes = cache_.find(key); !bytes.empty()) return restored(bytes, shape);
  const Tensor made = make();
  keep(key, made);
  return made;
}

Recall KeptTensors::recall() const {
  return [cache = cache_](const std::string& key) { return cache.find(key); };
}

}  // namespace sumi
