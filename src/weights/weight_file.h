#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sumi {

/// The element types that weight files may hold.
enum class DType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

/// Bytes of one element.
std::size_t size_of(DType dtype);

/// The name safetensors gives it: "F32", "BF16", "BOOL", …
std::string_view name_of(DType dtype);

/// The inverse of name_of; nothing for an unknown name.
std::optional<DType> dtype_named(std::string_view name);

/// A tensor that lies in someone else's memory: row-major, contiguous, little-endian, perhaps not
/// aligned.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Number of elements (1 for a scalar).
std::int64_t element_count(const TensorView& tensor);

/// What a weight file says. The views are valid as long as a copy of `owner` lives.
struct WeightFile {
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
  std::shared_ptr<const void> owner;
  std::string
      format;  ///< "safetensors", "sharded safetensors", "pickle (zip)" or "pickle (legacy)"
};

/// Opens a weight file of any known format, told by its content: safetensors (mapped, nothing
/// copied), the JSON index of a sharded one, and torch.save's pickles in the zip and the older form
/// (read as plain data, nothing is ever executed). Throws one Error that names file, tensor and
/// offset.
WeightFile open_weight_file(const std::filesystem::path& file);

/// The same, but an index is refused.
WeightFile open_single_weight_file(const std::filesystem::path& file);

/// The same for bytes in memory, which must outlive the result; `origin` starts each Error's text.
/// A sharded index is refused, because it names other files.
WeightFile read_weights(std::span<const std::byte> bytes, const std::string& origin);

}  // namespace sumi
