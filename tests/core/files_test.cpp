#include "core/files.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "core/error.h"
#include "core/mapped_pages.h"
#include "core/unfinished_files.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(Files, AtomicFileAppearsOnlyWhenCommitted) {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "a.txt";
  {
    AtomicFile out(target);
    out.write(std::string_view("half"));
    EXPECT_FALSE(fs::exists(target));
  }
  EXPECT_EQ(entries(folder.path()), 0u);
  write_file(target, std::string_view("whole"));
  EXPECT_EQ(read_text_file(target), "whole");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(Files, AFailedWriteKeepsTheOldFile) {
  const TemporaryDirectory folder;
  const auto target = folder.path() / "a.txt";
  write_file(target, std::string_view("old"));
  try {
    AtomicFile out(target);
    out.write(std::string_view("new"));
    throw Error("interrupted");
  } catch (const Error&) {
  }
  EXPECT_EQ(read_text_file(target), "old");
}

TEST(Files, WhatAKilledWriterLeftIsRemoved) {
  const TemporaryDirectory folder;
  const auto at = [&](const char* name) { return folder.path() / name; };
  fs::create_directories(at("model/vae"));
  const char* left[] = {"model/vae/config.json.KF4YOw.partial", "recipe.json.000000.partial"};
  const char* kept[] = {"recipe.json", "notes.partial", "a.tooLong1.partial",
                        "b.KF4YOw.partial.txt", "c.KF-YOw.partial"};
  for (const char* name : left) write_file(at(name), "x");
  for (const char* name : kept) write_file(at(name), "x");
  remove_unfinished_files(folder.path());
  for (const char* name : left) EXPECT_FALSE(fs::exists(at(name))) << name;
  for (const char* name : kept) EXPECT_TRUE(fs::exists(at(name))) << name;
  remove_unfinished_files(at("nowhere"));
}

TEST(Files, ErrorsNameThePath) {
  try {
    write_file("/nonexistent-folder/a.txt", std::string_view("x"));
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent-folder/a.txt"), std::string::npos);
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(Files, MappingOutlivesTheObject) {
  const TemporaryDirectory folder;
  const auto file = folder.path() / "m";
  write_file(file, std::string_view("mapped"));
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
  {
    const MappedFile mapped(file);
    owner = mapped.owner();
    bytes = mapped.bytes();
  }
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "mapped");
}

TEST(Files, MappingRefusesWhatIsNoFile) {
  const TemporaryDirectory folder;
  EXPECT_THROW(MappedFile{folder.path()}, Error);
  EXPECT_THROW(MappedFile{folder.path() / "missing"}, Error);
  std::ofstream(folder.path() / "empty");
  EXPECT_THROW(MappedFile{folder.path() / "empty"}, Error);
}

TEST(Files, ReadingIsCapped) {
  const TemporaryDirectory folder;
  const auto file = folder.path() / "big";
  write_file(file, std::string(100, 'x'));
  EXPECT_THROW(read_text_file(file, 99), Error);
  EXPECT_EQ(read_text_file(file, 100).size(), 100u);
}

TEST(MappedFile, ReleasedPagesComeBackFromTheFile) {
  const TemporaryDirectory folder;
  const auto file = folder.path() / "pages";
  const std::string content(100'000, 'x');
  write_file(file, content);
  const MappedFile mapped(file);
  release_mapped_pages(mapped.bytes().data(), mapped.bytes().size());
  EXPECT_EQ(std::memcmp(mapped.bytes().data(), content.data(), content.size()), 0);
  std::string own = content;  // memory that no file stands behind would come back as zeros
  release_mapped_pages(own.data(), own.size());
  EXPECT_EQ(own, content);
}

}  // namespace
}  // namespace sumi
