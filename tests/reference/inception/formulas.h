#pragma once

// Weights and pictures of the recorded Inception cases, by the formulas of record.py.

#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "media/image.h"
#include "weights/safetensors.h"

namespace sumi {

/// FNV-1a of the name, then MurmurHash3's finaliser of each index: numbers in [0, 1).
class Formula {
 public:
  explicit Formula(std::string_view name) {
    for (const unsigned char byte : name) seed_ = (seed_ ^ byte) * 0x01000193u;
  }
  double operator()(std::uint32_t index) const {
    std::uint32_t h = seed_ + index * 0x9e3779b9u;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return (h ^ (h >> 16)) / 4294967296.0;
  }

 private:
  std::uint32_t seed_ = 0x811c9dc5u;
};

/// The weight `plan` names. A count of batches is 0.
inline std::vector<std::byte> formula_bytes(const TensorPlan& plan) {
  std::size_t count = 1;
  double fan_in = 1;
  for (std::size_t axis = 0; axis < plan.shape.size(); ++axis) {
    count *= static_cast<std::size_t>(plan.shape[axis]);
    if (axis > 0) fan_in *= static_cast<double>(plan.shape[axis]);
  }
  std::vector<std::byte> bytes(count * size_of(plan.dtype));
  if (plan.dtype == DType::i64) return bytes;
  double low = -0.2, high = 0.2;
  if (plan.name.ends_with("conv.weight")) high = std::sqrt(6 / fan_in), low = -high;
  if (plan.name.ends_with("bn.weight")) low = 0.8, high = 1.2;
  if (plan.name.ends_with("bn.running_var")) low = 0.6, high = 1.4;
  const Formula formula(plan.name);
  for (std::size_t i = 0; i < count; ++i) {
    const auto value =
        static_cast<float>(low + (high - low) * formula(static_cast<std::uint32_t>(i)));
    std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  return bytes;
}

/// Names and shapes of the published file of that kind, "inception_2015" or "torchvision".
inline std::vector<TensorPlan> inception_plans(const std::filesystem::path& folder,
                                               const std::string& kind) {
  std::vector<TensorPlan> plans;
  const Json keys = read_json(folder / "keys.json").at(kind);
  for (const auto& [name, shape] : keys.items())
    plans.push_back({name, name.ends_with("num_batches_tracked") ? DType::i64 : DType::f32,
                     shape.get<std::vector<std::int64_t>>()});
  return plans;
}

/// A file of such weights, about 90 MB.
inline void write_formula_weights(const std::filesystem::path& file,
                                  const std::vector<TensorPlan>& plans) {
  std::vector<std::byte> bytes;
  write_safetensors(file, plans, [&](std::size_t i) {
    bytes = formula_bytes(plans[i]);
    return std::span<const std::byte>(bytes);
  });
}

inline Image formula_picture(int height, int width) {
  Image picture{width, height, 3, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        picture.pixels.push_back(
            static_cast<std::uint8_t>((3 * x * x + 5 * y * y * (c + 1) + x * y) / 16));
  return picture;
}

}  // namespace sumi
