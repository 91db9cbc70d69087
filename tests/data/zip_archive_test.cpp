#include "data/zip_archive.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "small_zip.h"

namespace sumi {
namespace {

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Reads every member.
void read_all(const std::string& bytes, const ArchiveLimits& limits = {}) {
  const ZipArchive archive(as_bytes(bytes), "small.zip", limits);
  for (const auto& [name, member] : archive.members()) archive.read(name);
}

const std::string kWords = "many many many words, many many many words";

TEST(ZipArchive, ReadsStoredAndDeflatedMembers) {
  const auto bytes = small_zip({{"a/one.txt", "plain"}, {"two.txt", kWords}, {"empty", ""}});
  const ZipArchive archive(as_bytes(bytes), "small.zip");
  EXPECT_EQ(archive.members().size(), 3u);
  EXPECT_EQ(archive.read("a/one.txt"), "plain");
  EXPECT_EQ(archive.read("two.txt"), kWords);
  EXPECT_EQ(archive.read("empty"), "");
  EXPECT_TRUE(archive.members().at("two.txt").deflated);
  EXPECT_THROW(archive.read("three.txt"), Error);
}

TEST(ZipArchive, ACommentBehindTheDirectoryIsPassedOver) {
  auto bytes = small_zip({{"one", "plain"}});
  bytes[bytes.size() - 2] = 7;
  read_all(bytes + "comment");
}

TEST(ZipArchive, DamageAnywhereIsAnErrorOrGoesUnnoticedInUnreadFields) {
  const auto whole = small_zip({{"one", "plain"}, {"two", kWords}});
  for (std::size_t cut = 0; cut < whole.size(); ++cut)
    EXPECT_THROW(read_all(whole.substr(0, cut)), Error) << cut;
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int flip : {1, 128, 255}) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      try {
        const ZipArchive archive(as_bytes(bytes), "small.zip");
        for (const auto& [name, member] : archive.members()) {
          const auto content = archive.read(name);
          EXPECT_TRUE(content == "plain" || content == kWords || content.empty()) << at;
        }
      } catch (const Error& error) {
        EXPECT_FALSE(error.hint().empty());
      }
    }
}

TEST(ZipArchive, WhatClaimsTooMuchIsRefused) {
  const auto bytes = small_zip({{"one", "plain"}, {"two", kWords}});
  EXPECT_NO_THROW(read_all(bytes));
  EXPECT_THROW(read_all(bytes, {.entry_bytes = 10}), Error);
  EXPECT_THROW(read_all(bytes, {.entries = 1}), Error);
  EXPECT_THROW(read_all(small_zip({{"one", "a"}, {"one", "b"}})), Error);
  auto encrypted = small_zip({{"one", "plain"}});
  encrypted[encrypted.find("PK\1\2") + 8] = 1;
  EXPECT_THROW(read_all(encrypted), Error);
}

}  // namespace
}  // namespace sumi
