#include "weights/zip_store.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/runtime.h"
#include "weights/names.h"

namespace sumi {
namespace {

// Record signatures and sizes as in PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16.
constexpr std::uint32_t kLocal = 0x04034b50, kDescriptor = 0x08074b50, kCentral = 0x02014b50;
constexpr std::uint32_t kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                      kLocatorBytes = 20;
constexpr std::uint16_t kHasDescriptor = 1u << 3, kUtf8Names = 1u << 11;
constexpr std::uint32_t kSeeZip64 = 0xFFFFFFFF;
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::size_t kMaxMembers = 200'000;

struct Member {
  std::string_view name;
  std::uint16_t flags = 0;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  std::uint64_t header = 0;  ///< offset of the local header
  std::span<const std::byte> data;
  std::uint64_t end = 0;  ///< behind the data and its descriptor
};

/// Bounded little-endian reads from the archive.
class Archive {
 public:
  Archive(std::span<const std::byte> bytes, const std::string& origin)
      : bytes_(bytes), origin_(origin) {}

  [[noreturn]] void fail(std::uint64_t offset, const std::string& what) const {
    throw Error(fmt::format("{}: {} (byte {})", origin_, what, offset),
                "the file is damaged or was not written by torch.save; fetch it again or use its "
                "safetensors form");
  }

  std::span<const std::byte> part(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset)
      fail(offset, "the zip archive is cut off");
    return bytes_.subspan(offset, size);
  }

  template <class Number>
  Number at(std::uint64_t offset) const {
    Number value;
    std::memcpy(&value, part(offset, sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view text(std::uint64_t offset, std::uint64_t size) const {
    const auto bytes = part(offset, size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  std::uint64_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  const std::string& origin_;
};

struct Directory {
  std::uint64_t offset, size, members;
};

Directory find_directory(const Archive& zip) {
  if (zip.size() < kEndBytes) zip.fail(0, "too short for a zip archive");
  const std::uint64_t end = zip.size() - kEndBytes;
  if (zip.at<std::uint32_t>(end) != kEnd || zip.at<std::uint16_t>(end + 20) != 0)
    zip.fail(end, "the zip archive does not end with its end record");
  if (zip.at<std::uint32_t>(end + 4) != 0) zip.fail(end, "the zip archive is one part of several");
  Directory found{zip.at<std::uint32_t>(end + 16), zip.at<std::uint32_t>(end + 12),
                  zip.at<std::uint16_t>(end + 10)};
  if (zip.at<std::uint16_t>(end + 8) != found.members)
    zip.fail(end, "the zip archive is one part of several");
  std::uint64_t directory_end = end;
  if (end >= kLocatorBytes && zip.at<std::uint32_t>(end - kLocatorBytes) == kLocator64) {
    const std::uint64_t locator = end - kLocatorBytes;
    const auto wide = zip.at<std::uint64_t>(locator + 8);
    if (locator < kEnd64Bytes || wide != locator - kEnd64Bytes ||
        zip.at<std::uint32_t>(wide) != kEnd64)
      zip.fail(locator, "the zip64 end record is not where it should be");
    const Directory large{zip.at<std::uint64_t>(wide + 48), zip.at<std::uint64_t>(wide + 40),
                          zip.at<std::uint64_t>(wide + 32)};
    const auto agrees = [](std::uint64_t small, std::uint64_t sentinel, std::uint64_t value) {
      return small == sentinel || small == value;
    };
    if (!agrees(found.offset, kSeeZip64, large.offset) ||
        !agrees(found.size, kSeeZip64, large.size) || !agrees(found.members, 0xFFFF, large.members))
      zip.fail(wide, "the two end records of the zip archive differ");
    found = large;
    directory_end = wide;
  }
  if (found.offset > directory_end || found.size != directory_end - found.offset)
    zip.fail(end, "the zip archive's directory is not where its end record says");
  if (found.members > kMaxMembers || found.members > found.size / kCentralBytes)
    zip.fail(end, fmt::format("{} members cannot be in this zip archive", found.members));
  return found;
}

/// Replaces each value that says "see zip64" by the next number of the zip64 field (APPNOTE 4.5.3).
void apply_zip64(const Archive& zip, std::uint64_t extra, std::uint64_t extra_bytes,
                 std::initializer_list<std::uint64_t*> values) {
  const std::uint64_t end = extra + extra_bytes;
  for (std::uint64_t at = extra; at + 4 <= end;) {
    const auto id = zip.at<std::uint16_t>(at), size = zip.at<std::uint16_t>(at + 2);
    if (size > end - at - 4) zip.fail(at, "an extra field of the zip archive is cut off");
    if (id == kZip64Extra) {
      std::uint64_t from = at + 4, left = size;
      for (std::uint64_t* value : values) {
        if (*value != kSeeZip64) continue;
        if (left < 8) zip.fail(at, "a zip64 field is cut off");
        *value = zip.at<std::uint64_t>(from);
        from += 8, left -= 8;
      }
      return;
    }
    at += 4 + size;
  }
}

/// Reads one entry of the central directory at `at` and moves `at` behind it.
Member read_entry(const Archive& zip, std::uint64_t& at, std::uint64_t directory_end) {
  if (directory_end - at < kCentralBytes || zip.at<std::uint32_t>(at) != kCentral)
    zip.fail(at, "the zip archive's directory is damaged");
  const auto name_bytes = zip.at<std::uint16_t>(at + 28),
             extra_bytes = zip.at<std::uint16_t>(at + 30);
  const std::uint64_t whole =
      kCentralBytes + name_bytes + extra_bytes + zip.at<std::uint16_t>(at + 32);
  if (whole > directory_end - at) zip.fail(at, "the zip archive's directory is cut off");
  Member member;
  member.name = zip.text(at + kCentralBytes, name_bytes);
  member.flags = zip.at<std::uint16_t>(at + 8);
  member.crc = zip.at<std::uint32_t>(at + 16);
  member.size = zip.at<std::uint32_t>(at + 24);
  member.header = zip.at<std::uint32_t>(at + 42);
  std::uint64_t packed = zip.at<std::uint32_t>(at + 20);
  apply_zip64(zip, at + kCentralBytes + name_bytes, extra_bytes,
              {&member.size, &packed, &member.header});
  const std::string shown = in_quotes(member.name);
  if (name_bytes == 0 || name_bytes > kMaxNameBytes)
    zip.fail(at, "a member's name is empty or too long");
  if (member.flags & ~(kHasDescriptor | kUtf8Names))
    zip.fail(at, fmt::format("{} is encrypted or packed", shown));
  if (zip.at<std::uint16_t>(at + 10) != 0 || packed != member.size)
    zip.fail(at, fmt::format("{} is compressed; only stored members are read", shown));
  if (zip.at<std::uint16_t>(at + 34) != 0)
    zip.fail(at, fmt::format("{} lies in another file", shown));
  at += whole;
  return member;
}

/// The descriptor behind the data repeats CRC and size, with 4 or 8 bytes a size (APPNOTE 4.3.9).
std::uint64_t descriptor_bytes(const Archive& zip, const Member& member, std::uint64_t at) {
  const auto narrow = [&](std::uint64_t offset) { return zip.at<std::uint32_t>(offset); };
  if (narrow(at) == kDescriptor && narrow(at + 4) == member.crc) {
    if (narrow(at + 8) == member.size && narrow(at + 12) == member.size) return 16;
    if (zip.at<std::uint64_t>(at + 8) == member.size &&
        zip.at<std::uint64_t>(at + 16) == member.size)
      return 24;
  }
  zip.fail(at, fmt::format("{}: the descriptor behind it differs from the directory",
                           in_quotes(member.name)));
}

/// Finds the data through the local header, which must say what the directory says.
void locate(const Archive& zip, Member& member, std::uint64_t directory) {
  const std::uint64_t at = member.header;
  const std::string shown = in_quotes(member.name);
  if (at >= directory || directory - at < kLocalBytes || zip.at<std::uint32_t>(at) != kLocal)
    zip.fail(at, fmt::format("{} has no local header where the directory says", shown));
  const auto name_bytes = zip.at<std::uint16_t>(at + 26),
             extra_bytes = zip.at<std::uint16_t>(at + 28);
  std::uint64_t size = zip.at<std::uint32_t>(at + 22), packed = zip.at<std::uint32_t>(at + 18);
  const auto crc = zip.at<std::uint32_t>(at + 14);
  apply_zip64(zip, at + kLocalBytes + name_bytes, extra_bytes, {&size, &packed});
  const bool later = member.flags & kHasDescriptor;
  const bool same = (crc == member.crc && size == member.size && packed == member.size) ||
                    (later && crc == 0 && size == 0 && packed == 0);
  if (!same || zip.at<std::uint16_t>(at + 6) != member.flags ||
      zip.at<std::uint16_t>(at + 8) != 0 || zip.text(at + kLocalBytes, name_bytes) != member.name)
    zip.fail(at, fmt::format("{}: the local header differs from the directory", shown));
  const std::uint64_t start = at + kLocalBytes + name_bytes + extra_bytes;
  if (start > directory || member.size > directory - start)
    zip.fail(at, fmt::format("{} is cut off", shown));
  member.data = zip.part(start, member.size);
  member.end = start + member.size;
  if (later) member.end += descriptor_bytes(zip, member, member.end);
  if (member.end > directory) zip.fail(at, fmt::format("{} runs into the directory", shown));
}

void check_overlap(const Archive& zip, const std::vector<Member>& members) {
  std::vector<const Member*> order;
  for (const Member& member : members) order.push_back(&member);
  std::sort(order.begin(), order.end(),
            [](const Member* a, const Member* b) { return a->header < b->header; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i]->header < order[i - 1]->end)
      zip.fail(order[i]->header, fmt::format("{} overlaps {}", in_quotes(order[i]->name),
                                             in_quotes(order[i - 1]->name)));
}

/// Checks every CRC, with several threads where there is much to read.
void check_contents(const Archive& zip, const std::vector<Member>& members) {
  constexpr std::uint64_t kWorthThreads = 32u << 20;
  std::atomic<std::size_t> next = 0, wrong = members.size();
  const auto work = [&] {
    for (std::size_t i; (i = next++) < members.size();) {
      const auto* data = reinterpret_cast<const Bytef*>(members[i].data.data());
      const uLong crc = data ? ::crc32_z(0, data, members[i].data.size()) : 0;
      if (crc == members[i].crc) continue;
      std::size_t first = wrong;
      while (i < first && !wrong.compare_exchange_weak(first, i)) {
      }
    }
  };
  std::vector<std::jthread> threads;
  if (zip.size() > kWorthThreads)
    for (int i = 1; i < std::min(available_cores(), 8); ++i) threads.emplace_back(work);
  work();
  threads.clear();
  if (wrong != members.size())
    zip.fail(members[wrong].header,
             fmt::format("{}: its CRC is wrong", in_quotes(members[wrong].name)));
}

}  // namespace

ZipMembers read_stored_zip(std::span<const std::byte> bytes, const std::string& origin) {
  const Archive zip(bytes, origin);
  const Directory directory = find_directory(zip);
  const std::uint64_t end = directory.offset + directory.size;
  std::vector<Member> members;
  members.reserve(directory.members);
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    members.push_back(read_entry(zip, at, end));
    locate(zip, members.back(), directory.offset);
  }
  if (at != end) zip.fail(at, "the zip archive's directory is longer than its members");
  check_overlap(zip, members);
  check_contents(zip, members);
  ZipMembers found;
  for (const Member& member : members)
    if (!found.emplace(member.name, member.data).second)
      zip.fail(member.header, fmt::format("{} stands twice", in_quotes(member.name)));
  return found;
}

}  // namespace sumi
