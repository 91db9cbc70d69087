#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/json.h"
#include "data/dataset.h"
#include "data/disk_cache.h"
#include "nn/module.h"

namespace sumi {

/// What a frozen network makes of something, kept on disk under the text that stands for that
/// thing. What is kept has the same bits as what would be made again.
class KeptTensors {
 public:
  /// `kind` ("latents") names the folder, with the hash of the network's weights and `config`;
  /// `limit_mb` as DiskCache has it.
  KeptTensors(const std::string& kind, const Module& network, const Json& config, int limit_mb);

  /// The float32 tensor of this shape that is kept under the key, or else made and kept.
  Tensor get(const std::string& key, at::IntArrayRef shape,
             const std::function<Tensor()>& make) const;

  /// Makes of bytes that were recalled the tensor they hold. Throws Error when they do not fit.
  static Tensor restored(std::span<const std::byte> bytes, at::IntArrayRef shape);

  /// Looks a key up; for a reader that then need not decode the picture.
  Recall recall() const;

  void keep(const std::string& key, const Tensor& made) const;

 private:
  DiskCache cache_;
};

/// XXH3 of every weight with its name and shape, and of the config, in hex.
std::string network_hash(const Module& network, const Json& config);

}  // namespace sumi
