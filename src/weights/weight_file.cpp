#include "weights/weight_file.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "weights/safetensors.h"
#include "weights/sharded.h"
#include "weights/torch_file.h"

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

enum class Format { safetensors, zip, legacy, index, unknown };

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Tells the format by content. A safetensors file begins with a length of 8 bytes, whose upper
/// half is zero below its limit, and a brace; text never holds zeros.
Format format_of(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes);
  if (text.starts_with("PK\3\4")) return Format::zip;
  if (looks_like_torch_legacy(bytes)) return Format::legacy;
  if (text.starts_with('{') && text.substr(0, 8).find('\0') == std::string_view::npos)
    return Format::index;
  if (text.size() < 8 || text.substr(4, 4) == std::string_view("\0\0\0\0", 4) ||
      text.substr(8, 1) == "{")
    return Format::safetensors;
  return Format::unknown;
}

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
  switch (format_of(bytes)) {
    case Format::safetensors:
      return read_safetensors(bytes, origin);
    case Format::zip:
      return read_torch_zip(bytes, origin);
    case Format::legacy:
      return read_torch_legacy(bytes, origin);
    case Format::index:
      throw Error(fmt::format("{}: an index of other files, not weights", origin),
                  "give the weight file itself");
    case Format::unknown:
      break;
  }
  throw Error(
      fmt::format("{}: neither safetensors nor a file of torch.save (byte 0)", origin),
      "the download is probably incomplete, or this is another kind of file; fetch it again");
}

namespace {

WeightFile read_mapped(const MappedFile& mapped) {
  WeightFile file = read_weights(mapped.bytes(), mapped.path().string());
  // What had to be copied out of the mapping comes with an owner of its own.
  using Owner = std::shared_ptr<const void>;
  file.owner = file.owner ? std::make_shared<std::pair<Owner, Owner>>(file.owner, mapped.owner())
                          : mapped.owner();
  return file;
}

}  // namespace

WeightFile open_single_weight_file(const std::filesystem::path& path) {
  return read_mapped(MappedFile(path));
}

WeightFile open_weight_file(const std::filesystem::path& path) {
  const MappedFile mapped(path);
  if (format_of(mapped.bytes()) == Format::index)
    return open_sharded(path, as_text(mapped.bytes()));
  return read_mapped(mapped);
}

}  // namespace sumi
