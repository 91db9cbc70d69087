#include "data/zip_archive.h"

#include <fmt/format.h>
#include <zlib.h>

#include "core/error.h"

namespace sumi {
namespace {

// Record signatures and sizes as in APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16.
constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kMaxComment = 0xffff;
constexpr std::uint32_t kStored = 0, kDeflated = 8, kEncrypted = 1;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// True when `packed` inflates to exactly the bytes that `out` has room for.
bool inflate_into(std::span<const std::byte> packed, std::string& out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool whole = status == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

}  // namespace

void ZipArchive::fail(const std::string& what) const {
  throw Error(fmt::format("{}: {}", origin_, what),
              "the archive is damaged or of another kind; fetch it again");
}

std::span<const std::byte> ZipArchive::part(std::uint64_t offset, std::uint64_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) fail("the zip archive is cut off");
  return bytes_.subspan(offset, size);
}

std::uint32_t ZipArchive::number(std::uint64_t offset, int bytes) const {
  const auto raw = part(offset, static_cast<std::uint64_t>(bytes));
  std::uint32_t value = 0;
  for (std::size_t i = raw.size(); i-- > 0;)
    value = value << 8 | std::to_integer<std::uint32_t>(raw[i]);
  return value;
}

/// Where the end record stands: before a comment that reaches to the archive's last byte.
std::uint64_t ZipArchive::end_record() const {
  if (bytes_.size() < kEndBytes) fail("too short for a zip archive");
  for (std::uint64_t comment = 0; comment <= kMaxComment; ++comment) {
    if (comment > bytes_.size() - kEndBytes) break;
    const auto at = bytes_.size() - kEndBytes - comment;
    if (number(at, 4) == kEnd && number(at + 20, 2) == comment) return at;
  }
  fail("the zip archive has no end record");
}

/// Takes in the directory's entry at `at`; returns where the next one stands.
std::uint64_t ZipArchive::read_entry(std::uint64_t at, const ArchiveLimits& limits) {
  if (number(at, 4) != kCentral) fail("the zip archive's directory is damaged");
  const auto flags = number(at + 8, 2), method = number(at + 10, 2);
  const auto name_bytes = number(at + 28, 2);
  const auto name = as_text(part(at + kCentralBytes, name_bytes));
  Member member;
  member.checksum = number(at + 16, 4);
  member.size = number(at + 24, 4);
  member.deflated = method == kDeflated;
  if ((flags & kEncrypted) != 0) fail(fmt::format("{} is encrypted", name));
  if (method != kStored && method != kDeflated)
    fail(fmt::format("{} is packed by method {}", name, method));
  if (member.size > limits.entry_bytes) fail(fmt::format("{} is too large", name));
  const std::uint64_t packed_bytes = number(at + 20, 4), local = number(at + 42, 4);
  if (!member.deflated && packed_bytes != member.size)
    fail(fmt::format("{} is stored in another size than its own", name));
  if (number(local, 4) != kLocal || number(local + 26, 2) != name_bytes ||
      as_text(part(local + kLocalBytes, name_bytes)) != name)
    fail(fmt::format("{} is not where the directory says", name));
  member.packed = part(local + kLocalBytes + name_bytes + number(local + 28, 2), packed_bytes);
  if (!members_.emplace(name, member).second) fail(fmt::format("{} stands there twice", name));
  return at + kCentralBytes + name_bytes + number(at + 30, 2) + number(at + 32, 2);
}

ZipArchive::ZipArchive(std::span<const std::byte> bytes, std::string origin,
                       const ArchiveLimits& limits)
    : bytes_(bytes), origin_(std::move(origin)) {
  const auto end = end_record();
  const auto count = number(end + 10, 2);
  if (count > limits.entries) fail("the zip archive holds too much");
  std::uint64_t at = number(end + 16, 4);
  for (std::uint32_t i = 0; i < count; ++i) at = read_entry(at, limits);
  if (at > end) fail("the zip archive's directory runs into its end record");
}

std::string ZipArchive::read(std::string_view name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) fail(fmt::format("holds no {}", name));
  const auto& member = found->second;
  std::string content(member.size, '\0');
  if (!member.deflated)
    content = as_text(member.packed);
  else if (!inflate_into(member.packed, content))
    fail(fmt::format("{} cannot be unpacked", name));
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  if (sum != member.checksum) fail(fmt::format("{} has a wrong checksum", name));
  return content;
}

}  // namespace sumi
