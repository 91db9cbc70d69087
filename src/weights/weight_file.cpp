#include "weights/weight_file.h"

#include <array>

#include "core/files.h"
#include "weights/safetensors.h"

namespace sumi {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::size_t bytes;
};

// In the enum's order.
constexpr std::array<DTypeRow, 10> kDTypes = {{{DType::f64, "F64", 8},
                                               {DType::f32, "F32", 4},
                                               {DType::f16, "F16", 2},
                                               {DType::bf16, "BF16", 2},
                                               {DType::i64, "I64", 8},
                                               {DType::i32, "I32", 4},
                                               {DType::i16, "I16", 2},
                                               {DType::i8, "I8", 1},
                                               {DType::u8, "U8", 1},
                                               {DType::boolean, "BOOL", 1}}};

}  // namespace

std::size_t size_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].bytes; }

std::string_view name_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }

std::optional<DType> dtype_named(std::string_view name) {
  for (const auto& row : kDTypes)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

std::int64_t element_count(const TensorView& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t extent : tensor.shape) count *= extent;
  return count;
}

WeightFile read_weights(std::span<const std::byte> bytes, const std::string& origin) {
  return read_safetensors(bytes, origin);
}

WeightFile open_weight_file(const std::filesystem::path& path) {
  const MappedFile mapped(path);
  WeightFile file = read_weights(mapped.bytes(), path.string());
  file.owner = mapped.owner();
  return file;
}

}  // namespace sumi
