#include "data/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "data/tar_header.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

std::vector<ShardMember> list(const std::string& bytes, const ShardLimits& limits = {}) {
  return list_shard(std::as_bytes(std::span(bytes)), "s.tar", limits);
}

std::string complaint(const std::string& bytes, const ShardLimits& limits = {}) {
  try {
    list(bytes, limits);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("s.tar"));
    return error.what();
  }
  return "";
}

/// The shard that the writer makes of samples 0, 1, … with a text and a "picture" each.
std::string written(int samples, std::uint64_t limit = 1u << 20, const std::string& key = "k") {
  const TemporaryDirectory folder;
  ShardWriter writer(folder.path(), "s", limit);
  for (int i = 0; i < samples; ++i) {
    const std::string picture(700, static_cast<char>('a' + i));
    const ShardWriter::Part parts[] = {{"png", picture}, {"txt", "words"}};
    writer.add(key + std::to_string(i), parts);
  }
  return read_text_file(writer.finish().front());
}

/// `bytes` with `text` at `at` of its first header, whose checksum is set right again.
std::string with_field(std::string bytes, std::size_t at, std::string_view text) {
  bytes.replace(at, text.size(), text);
  TarBlock block;
  std::memcpy(block.data(), bytes.data(), block.size());
  char sum[8];
  std::snprintf(sum, sizeof sum, "%06o", static_cast<unsigned>(tar_checksum(block)));
  return bytes.replace(148, 7, sum, 7);
}

TEST(Shard, WhatIsWrittenIsListed) {
  const auto bytes = written(2);
  const auto members = list(bytes);
  ASSERT_EQ(members.size(), 4u);
  EXPECT_EQ(members[0].name, "k0.png");
  EXPECT_EQ(bytes.substr(members[0].offset, members[0].size), std::string(700, 'a'));
  EXPECT_EQ(members[3].name, "k1.txt");
  EXPECT_EQ(bytes.substr(members[3].offset, members[3].size), "words");
  EXPECT_EQ(bytes, written(2));
}

TEST(Shard, LongNamesGoThroughPax) {
  for (const std::size_t length : {90, 95, 96, 97, 100, 150, 500, 984}) {
    const std::string key(length, 'n');
    EXPECT_EQ(list(written(1, 1u << 20, key)).front().name, key + "0.png") << length;
  }
}

TEST(Shard, KeysEndAtTheFirstDotOfTheLastPart) {
  EXPECT_EQ(shard_key("a.b/0001.seg.png"), "a.b/0001");
  EXPECT_EQ(shard_extension("a.b/0001.seg.png"), "seg.png");
  EXPECT_EQ(shard_extension("a.b/none"), "");
}

TEST(Shard, NamesAreData) {
  EXPECT_EQ(list(with_field(written(1), 0, std::string_view("../x.png\0", 9))).front().name,
            "../x.png");
}

TEST(Shard, EveryCutIsRefused) {
  const auto bytes = written(1);
  for (std::size_t size = 0; size < bytes.size(); size += 128)
    EXPECT_NE(complaint(bytes.substr(0, size)), "") << size;
}

TEST(Shard, WhatAnArchiveCouldHideBehindIsRefused) {
  const auto good = written(1);
  EXPECT_THAT(complaint(with_field(good, 124, "77777777777")), HasSubstr("oversized"));
  EXPECT_THAT(complaint(with_field(good, 124, "00000077777")), HasSubstr("cut short"));
  // A member as large as to cover the next header leaves no header where one is due.
  EXPECT_THAT(complaint(with_field(good, 124, "00000002401")), HasSubstr("checksum"));
  EXPECT_THAT(complaint(with_field(good, 124, "\x80")), HasSubstr("octal"));
  for (const char type : {'1', '2', '3', '6', 'S', 'V'})
    EXPECT_THAT(complaint(with_field(good, 156, {&type, 1})), HasSubstr("link or a device"));
  EXPECT_THAT(complaint(with_field(good, 0, std::string_view("k0.txt\0", 7))), HasSubstr("twice"));
  EXPECT_THAT(complaint(with_field(good, 0, std::string_view("\0", 1))), HasSubstr("name"));
  EXPECT_THAT(complaint(good + "x"), HasSubstr("end mark"));
  auto flipped = good;
  flipped[3] ^= 1;
  EXPECT_THAT(complaint(flipped), HasSubstr("checksum"));
  EXPECT_THAT(complaint(good, {.member_bytes = 600}), HasSubstr("oversized"));
  EXPECT_THAT(complaint(good, {.members = 1}), HasSubstr("too many"));
  auto pax = with_field(written(1, 1u << 20, std::string(200, 'n')), 0, "p");
  EXPECT_THAT(complaint(pax, {.pax_bytes = 100}), HasSubstr("oversized extended"));
  EXPECT_THAT(complaint(pax.replace(512, 3, "999")), HasSubstr("add up"));
}

TEST(Shard, SamplesAreNeverParted) {
  const TemporaryDirectory folder;
  constexpr std::uint64_t kLimit = 1u << 16;
  ShardWriter writer(folder.path(), "s", kLimit);
  const std::string picture(20'000, 'p');
  for (int i = 0; i < 10; ++i) {
    const ShardWriter::Part parts[] = {{"jpg", picture}, {"txt", "t"}};
    writer.add(std::to_string(i), parts);
  }
  const auto shards = writer.finish();
  ASSERT_EQ(shards.size(), 5u);
  for (const auto& shard : shards) {
    EXPECT_LE(fs::file_size(shard), kLimit);
    EXPECT_EQ(list(read_text_file(shard)).size(), 4u);
  }
}

TEST(Shard, AnUnfinishedShardLeavesNothing) {
  const ShardWriter::Part parts[] = {{"txt", "t"}};
  EXPECT_THROW(ShardWriter("/nonexistent", "s", 1u << 20).add("k", parts), Error);
  const TemporaryDirectory folder;
  { ShardWriter(folder.path(), "s", 1u << 20).add("k", parts); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace sumi
