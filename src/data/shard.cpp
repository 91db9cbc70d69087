#include "data/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "core/error.h"
#include "data/tar_header.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kBlock = tar_block_bytes;

std::uint64_t padded(std::uint64_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

/// Walks an archive's headers and checks each against what is there.
class Lister {
 public:
  Lister(std::span<const std::byte> archive, const std::string& origin, const ShardLimits& limits)
      : archive_(archive), origin_(origin), limits_(limits) {}

  std::vector<ShardMember> run() {
    for (;;) {
      const auto block = next_block();
      if (block == TarBlock{}) break;
      take(block);
    }
    if (next_block() != TarBlock{}) fail("has a broken end mark");
    while (at_ < archive_.size())
      if (archive_[at_++] != std::byte{}) fail("goes on after its end mark");
    if (has_long_name_) fail("ends with a long name of nothing");
    return std::move(members_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: the shard {} (byte {})", origin_, what, at_),
                "write it again, or fetch it again; gzip has to be undone first");
  }

  TarBlock next_block() {
    if (archive_.size() - at_ < kBlock) fail("is cut short");
    TarBlock block;
    std::memcpy(block.data(), archive_.data() + at_, kBlock);
    at_ += kBlock;
    return block;
  }

  std::string_view next_content(std::uint64_t size) {
    if (size > archive_.size() - at_ || padded(size) > archive_.size() - at_)
      fail("is cut short inside a member");
    const std::string_view content(reinterpret_cast<const char*>(archive_.data()) + at_, size);
    at_ += padded(size);
    return content;
  }

  void take(const TarBlock& block) {
    if (!tar_checksum_fits(block)) fail("has a header with a wrong checksum");
    const auto size = tar_size(block);
    if (!size) fail("has a member whose size is no octal number");
    const char type = tar_type(block);
    if (type == 'x' || type == 'g' || type == 'L') {
      if (*size > limits_.pax_bytes) fail("has an oversized extended header");
      extend(type, next_content(*size));
    } else if (type == '0' || type == '\0') {
      keep(block, *size);
    } else if (type == '5') {
      if (*size != 0) fail("has a folder with content");
      has_long_name_ = false;
    } else {
      fail(fmt::format("holds a member of type {}, a link or a device",
                       static_cast<int>(static_cast<unsigned char>(type))));
    }
  }

  void extend(char type, std::string_view content) {
    bool sound = true;
    std::optional<std::string> name;
    if (type == 'L') {
      name = std::string(content.substr(0, content.find('\0')));
    } else {
      name = pax_record(content, "path", sound);
      // A size here could make two readers see different members.
      for (const char* key : {"size", "GNU.sparse.major", "GNU.sparse.map", "linkpath"})
        if (pax_record(content, key, sound)) fail(fmt::format("says {} in a pax header", key));
    }
    if (!sound) fail("has a pax header whose records do not add up");
    if (type == 'g' && name) fail("gives one name to all");
    if (type == 'g' || !name) return;
    if (has_long_name_) fail("gives a member two long names");
    long_name_ = *name;
    has_long_name_ = true;
  }

  void keep(const TarBlock& block, std::uint64_t size) {
    if (size > limits_.member_bytes) fail("has an oversized member");
    ShardMember member{has_long_name_ ? long_name_ : tar_name(block), at_, size};
    has_long_name_ = false;
    if (member.name.empty() || member.name.size() > limits_.name_bytes ||
        member.name.find('\0') != std::string::npos)
      fail("has a member without a usable name");
    if (members_.size() >= limits_.members) fail("holds too many members");
    if (!names_.insert(member.name).second) fail(fmt::format("holds \"{}\" twice", member.name));
    next_content(size);
    members_.push_back(std::move(member));
  }

  std::span<const std::byte> archive_;
  const std::string& origin_;
  const ShardLimits& limits_;
  std::size_t at_ = 0;
  std::string long_name_;
  bool has_long_name_ = false;
  std::vector<ShardMember> members_;
  std::unordered_set<std::string> names_;
};

void put_text(TarBlock& block, std::size_t at, std::string_view text) {
  std::memcpy(block.data() + at, text.data(), text.size());
}

TarBlock header_of(std::string_view name, std::uint64_t size, char type) {
  TarBlock block{};
  put_text(block, 0, name.substr(0, 100));
  put_text(block, 100, "0000644");
  put_text(block, 108, "0000000");
  put_text(block, 116, "0000000");
  put_text(block, 124, fmt::format("{:011o}", size));
  put_text(block, 136, "00000000000");
  block[156] = type;
  put_text(block, 257, std::string_view("ustar\00000", 8));
  put_text(block, 148, fmt::format("{:06o}", tar_checksum(block)));
  block[155] = ' ';
  return block;
}

std::string with_padding(std::string_view content) {
  std::string text(content);
  text.resize(padded(content.size()), '\0');
  return text;
}

/// "LENGTH path=NAME\n", where LENGTH counts its own digits too.
std::string path_record(const std::string& name) {
  const auto rest = name.size() + 7;
  auto length = rest + 1;
  while (fmt::formatted_size("{}", length) + rest != length)
    length = fmt::formatted_size("{}", length) + rest;
  return fmt::format("{} path={}\n", length, name);
}

std::string member_bytes(const std::string& name, std::string_view content) {
  std::string bytes;
  const auto put = [&](const TarBlock& block) { bytes.append(block.data(), block.size()); };
  if (name.size() > 100) {
    const auto record = path_record(name);
    put(header_of("pax", record.size(), 'x'));
    bytes += with_padding(record);
  }
  put(header_of(name, content.size(), '0'));
  return bytes + with_padding(content);
}

}  // namespace

std::vector<ShardMember> list_shard(std::span<const std::byte> archive, const std::string& origin,
                                    const ShardLimits& limits) {
  return Lister(archive, origin, limits).run();
}

std::string_view shard_key(std::string_view name) {
  const auto slash = name.rfind('/');
  const auto dot = name.find('.', slash == name.npos ? 0 : slash + 1);
  return name.substr(0, dot);
}

std::string_view shard_extension(std::string_view name) {
  const auto key = shard_key(name);
  return key.size() < name.size() ? name.substr(key.size() + 1) : std::string_view();
}

ShardWriter::ShardWriter(fs::path folder, std::string name, std::uint64_t shard_bytes)
    : folder_(std::move(folder)), name_(std::move(name)), limit_(shard_bytes) {
  if (limit_ < 1u << 16)
    throw Error(fmt::format("shards of {} bytes", limit_), "give 65536 bytes or more");
}

ShardWriter::~ShardWriter() = default;

void ShardWriter::add(const std::string& key, std::span<const Part> parts) {
  std::string bytes;
  for (const auto& part : parts) bytes += member_bytes(key + "." + part.extension, part.content);
  constexpr std::uint64_t kEnd = 2 * kBlock;
  if (file_ && written_ + bytes.size() + kEnd > limit_) end_shard();
  if (!file_) {
    shards_.push_back(folder_ / fmt::format("{}-{:06}.tar", name_, shards_.size()));
    file_ = std::make_unique<AtomicFile>(shards_.back());
    written_ = 0;
  }
  file_->write(bytes);
  written_ += bytes.size();
}

void ShardWriter::end_shard() {
  file_->write(std::string(2 * kBlock, '\0'));
  file_->commit();
  file_.reset();
}

std::vector<fs::path> ShardWriter::finish() {
  if (file_) end_shard();
  return shards_;
}

}  // namespace sumi
