#include "weights/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/mapped_pages.h"
#include "weights/header_scanner.h"
#include "weights/names.h"

namespace sumi {
namespace {

static_assert(std::endian::native == std::endian::little,
              "weight files are little-endian and used in place");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::size_t kMaxRank = 8;
// The largest published model has some 2,000 tensors; the limits keep the table small against any
// file.
constexpr std::size_t kMaxTensors = 100'000;
constexpr std::size_t kMaxMetadata = 10'000;

/// A tensor's entry in the header; offsets count from the end of the header.
struct Entry {
  DType dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

std::uint64_t header_length(std::span<const std::byte> bytes, const std::string& origin) {
  const std::string hint =
      "the download is probably incomplete, or this is another kind of file; fetch it again";
  if (bytes.size() < kLengthBytes)
    throw Error(
        fmt::format("{}: {} bytes are too few for a safetensors file", origin, bytes.size()), hint);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes)
    throw Error(fmt::format("{}: the header says it has {} bytes, at most {} are allowed (byte 0)",
                            origin, length, kMaxHeaderBytes),
                hint);
  if (length > bytes.size() - kLengthBytes)
    throw Error(fmt::format("{}: the header says it has {} bytes, the file has {} (byte 0)", origin,
                            length, bytes.size()),
                hint);
  return length;
}

std::vector<std::int64_t> read_shape(HeaderScanner& scan, const std::string& name) {
  std::vector<std::int64_t> shape;
  scan.expect('[');
  if (scan.accept(']')) return shape;
  do {
    if (shape.size() == kMaxRank)
      scan.fail(fmt::format("tensor {} has more than {} dimensions", in_quotes(name), kMaxRank));
    shape.push_back(scan.natural());
  } while (scan.accept(','));
  scan.expect(']');
  return shape;
}

/// Bytes that shape and dtype ask for; checked, because both come from outside.
std::uint64_t wanted_bytes(const HeaderScanner& scan, const std::string& name, const Entry& entry) {
  std::uint64_t bytes = 0;
  if (!checked_bytes(entry.shape, size_of(entry.dtype), bytes))
    scan.fail(fmt::format("tensor {}: the shape {} is too large", in_quotes(name),
                          dimensions(entry.shape)));
  return bytes;
}

Entry read_entry(HeaderScanner& scan, const std::string& name) {
  Entry entry{DType::f32, {}, 0, 0};
  bool has_dtype = false, has_shape = false, has_offsets = false;
  const auto once = [&](bool& seen, const std::string& field) {
    if (seen)
      scan.fail(fmt::format("tensor {}: {} stands twice", in_quotes(name), in_quotes(field)));
    seen = true;
  };
  scan.expect('{');
  do {
    const std::string field = scan.text(kMaxNameBytes);
    scan.expect(':');
    if (field == "dtype") {
      once(has_dtype, field);
      const std::string text = scan.text(kMaxNameBytes);
      const auto dtype = dtype_named(text);
      if (!dtype)
        scan.fail(
            fmt::format("tensor {}: the dtype {} is not known", in_quotes(name), in_quotes(text)));
      entry.dtype = *dtype;
    } else if (field == "shape") {
      once(has_shape, field);
      entry.shape = read_shape(scan, name);
    } else if (field == "data_offsets") {
      once(has_offsets, field);
      scan.expect('[');
      entry.begin = static_cast<std::uint64_t>(scan.natural());
      scan.expect(',');
      entry.end = static_cast<std::uint64_t>(scan.natural());
      scan.expect(']');
    } else {
      scan.fail(
          fmt::format("tensor {}: the field {} is not known", in_quotes(name), in_quotes(field)));
    }
  } while (scan.accept(','));
  scan.expect('}');
  if (!has_dtype || !has_shape || !has_offsets)
    scan.fail(fmt::format("tensor {} lacks its dtype, shape or data_offsets", in_quotes(name)));
  return entry;
}

std::map<std::string, std::string> read_metadata(HeaderScanner& scan) {
  std::map<std::string, std::string> metadata;
  scan.expect('{');
  if (scan.accept('}')) return metadata;
  do {
    std::string key = scan.text(kMaxNameBytes);
    scan.expect(':');
    if (metadata.size() == kMaxMetadata)
      scan.fail(fmt::format("more than {} metadata entries", kMaxMetadata));
    if (!metadata.emplace(key, scan.text(kMaxHeaderBytes)).second)
      scan.fail(fmt::format("the metadata key {} stands twice", in_quotes(key)));
  } while (scan.accept(','));
  scan.expect('}');
  return metadata;
}

/// Sorted by offset, the tensors must follow each other without hole or overlap and end with the
/// file.
void check_coverage(const std::map<std::string, TensorView>& tensors,
                    std::span<const std::byte> data, std::size_t data_offset,
                    const std::string& origin) {
  std::vector<std::pair<std::span<const std::byte>, const std::string*>> order;
  order.reserve(tensors.size());
  for (const auto& [name, view] : tensors) order.emplace_back(view.bytes, &name);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.data(), a.first.size()) < std::pair(b.first.data(), b.first.size());
  });
  const std::byte* at = data.data();
  for (const auto& [bytes, name] : order) {
    if (bytes.data() != at)
      throw Error(
          fmt::format("{}: tensor {} {} (byte {})", origin, in_quotes(*name),
                      bytes.data() < at ? "overlaps the one before it" : "leaves a hole before it",
                      data_offset + static_cast<std::size_t>(bytes.data() - data.data())),
          "the file was written wrongly or is hostile; get it from another place");
    at = bytes.data() + bytes.size();
  }
  const auto covered = static_cast<std::size_t>(at - data.data());
  if (covered != data.size())
    throw Error(fmt::format("{}: {} bytes at the end belong to no tensor (byte {})", origin,
                            data.size() - covered, data_offset + covered),
                "the file was written wrongly or is hostile; get it from another place");
}

/// One `"name": value` of the header.
void read_member(HeaderScanner& scan, std::span<const std::byte> data, WeightFile& file,
                 bool& has_metadata) {
  const std::string name = scan.text(kMaxNameBytes);
  scan.expect(':');
  if (name == "__metadata__") {
    if (has_metadata) scan.fail("\"__metadata__\" stands twice");
    has_metadata = true;
    file.metadata = read_metadata(scan);
    return;
  }
  Entry entry = read_entry(scan, name);
  const std::uint64_t wanted = wanted_bytes(scan, name, entry);
  if (entry.begin > entry.end || entry.end > data.size())
    scan.fail(fmt::format("tensor {} lies at {}..{}, the file has {} bytes of data",
                          in_quotes(name), entry.begin, entry.end, data.size()));
  if (entry.end - entry.begin != wanted)
    scan.fail(fmt::format("tensor {}: {} {} needs {} bytes, the header gives it {}",
                          in_quotes(name), name_of(entry.dtype), dimensions(entry.shape), wanted,
                          entry.end - entry.begin));
  if (file.tensors.size() == kMaxTensors)
    scan.fail(fmt::format("more than {} tensors", kMaxTensors));
  TensorView view{entry.dtype, std::move(entry.shape), data.subspan(entry.begin, wanted)};
  if (!file.tensors.emplace(name, std::move(view)).second)
    scan.fail(fmt::format("the name {} stands twice", in_quotes(name)));
}

}  // namespace

WeightFile read_safetensors(std::span<const std::byte> bytes, const std::string& origin) {
  const std::uint64_t length = header_length(bytes, origin);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + length);
  HeaderScanner scan(header, origin, kLengthBytes);
  if (header.empty() || header.front() != '{') scan.fail("the header does not begin with '{'");

  WeightFile file;
  file.format = "safetensors";
  bool has_metadata = false;
  scan.expect('{');
  if (!scan.accept('}')) {
    do read_member(scan, data, file, has_metadata);
    while (scan.accept(','));
    scan.expect('}');
  }
  scan.end();
  check_coverage(file.tensors, data, kLengthBytes + length, origin);
  return file;
}

namespace {

std::string header_text(const std::vector<TensorPlan>& plans, const std::vector<std::size_t>& order,
                        const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const std::size_t i : order) {
    std::uint64_t bytes = 0;
    checked_bytes(plans[i].shape, size_of(plans[i].dtype), bytes);
    Json entry = Json::object();
    entry["dtype"] = name_of(plans[i].dtype);
    entry["shape"] = plans[i].shape;
    entry["data_offsets"] = {offset, offset + bytes};
    header[plans[i].name] = std::move(entry);
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

void check_writable(const std::filesystem::path& file, const std::vector<TensorPlan>& plans,
                    const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : metadata)
    if (!is_utf8(key) || !is_utf8(value) || key.size() > kMaxNameBytes)
      throw Error(
          fmt::format("{}: the metadata {} cannot be written", file.string(), in_quotes(key)),
          "keys and values are valid UTF-8");
  std::set<std::string_view> names;
  for (const TensorPlan& plan : plans) {
    if (!names.insert(plan.name).second || plan.name == "__metadata__" ||
        plan.name.size() > kMaxNameBytes || !is_utf8(plan.name))
      throw Error(
          fmt::format("{}: {} cannot be a tensor's name here", file.string(), in_quotes(plan.name)),
          "names are unique, valid UTF-8 and at most 4096 bytes long");
    std::uint64_t bytes = 0;
    if (plan.shape.size() > kMaxRank || !checked_bytes(plan.shape, size_of(plan.dtype), bytes))
      throw Error(fmt::format("{}: tensor {} {} is too large", file.string(), in_quotes(plan.name),
                              dimensions(plan.shape)),
                  "at most 8 dimensions and 2^63 bytes can be written");
  }
}

/// What lies in mapped files gives up its memory again as soon as it is written.
void write_by_pieces(AtomicFile& out, std::span<const std::byte> bytes) {
  constexpr std::size_t kPiece = std::size_t{8} << 20;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPiece, bytes.size()))) {
    const auto piece = bytes.first(std::min(kPiece, bytes.size()));
    out.write(piece);
    release_mapped_pages(piece.data(), piece.size());
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& file, const std::vector<TensorPlan>& plans,
                       const std::function<std::span<const std::byte>(std::size_t)>& bytes_of,
                       const std::map<std::string, std::string>& metadata) {
  check_writable(file, plans, metadata);
  std::vector<std::size_t> order(plans.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size_of(plans[a].dtype) > size_of(plans[b].dtype);
  });
  const std::string header = header_text(plans, order, metadata);
  const std::uint64_t length = header.size();
  AtomicFile out(file);
  out.write(std::as_bytes(std::span(&length, 1)));
  out.write(header);
  for (const std::size_t i : order) {
    std::uint64_t wanted = 0;
    checked_bytes(plans[i].shape, size_of(plans[i].dtype), wanted);
    const auto bytes = bytes_of(i);
    if (bytes.size() != wanted)
      throw Error(fmt::format("{}: tensor {} {} has {} bytes", file.string(),
                              in_quotes(plans[i].name), dimensions(plans[i].shape), bytes.size()),
                  "the tensor's bytes must be what its shape and dtype say");
    write_by_pieces(out, bytes);
  }
  out.commit();
}

void write_safetensors(const std::filesystem::path& file, const NamedViews& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorPlan> plans;
  for (const auto& [name, view] : tensors) plans.push_back({name, view.dtype, view.shape});
  write_safetensors(
      file, plans, [&](std::size_t i) { return tensors[i].second.bytes; }, metadata);
}

}  // namespace sumi
