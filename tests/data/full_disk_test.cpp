#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <map>

#include "core/error.h"
#include "core/files.h"
#include "data/curate.h"
#include "data/disk_cache.h"
#include "data/shard.h"
#include "data/write_captions.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

/// As long as it lives no file of this process grows beyond `bytes`: as on a disk that is full.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit now{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, before_);
  }

 private:
  rlimit old_{};
  void (*before_)(int);
};

std::vector<std::byte> bytes_of(std::size_t count, int value) {
  return std::vector<std::byte>(count, static_cast<std::byte>(value));
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

fs::path only_kept(const fs::path& folder) {
  fs::path kept;
  for (const auto& file : files_below(folder))
    if (file.extension() == ".kept") kept = file;
  return kept;
}

TEST(DiskCache, GivesBackWhatWasKept) {
  const TemporaryDirectory folder;
  const DiskCache cache(folder.path() / "a", "{}", 1'000'000);
  EXPECT_TRUE(cache.find("x").empty());
  cache.keep("x", bytes_of(1000, 3));
  cache.keep("y", bytes_of(10, 4));
  EXPECT_EQ(cache.find("x"), bytes_of(1000, 3));
  const DiskCache other(folder.path() / "a", "{}", 1'000'000);
  EXPECT_EQ(other.find("y"), bytes_of(10, 4));
  EXPECT_EQ(other.bytes(), cache.bytes());
  EXPECT_EQ(cache.bytes(), 1000u + 10 + 2 * 48);
}

TEST(DiskCache, DamagedAndForeignFilesAreMadeAgain) {
  const TemporaryDirectory folder;
  const DiskCache cache(folder.path() / "a", "{}", 1'000'000);
  cache.keep("x", bytes_of(100, 3));
  const auto file = only_kept(folder.path());
  const auto whole = read_text_file(file);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    write_file(file, flipped);
    EXPECT_TRUE(cache.find("x").empty()) << at;
  }
  for (const std::size_t size : {0u, 7u, 48u, 49u, 147u}) {
    write_file(file, whole.substr(0, size));
    EXPECT_TRUE(cache.find("x").empty()) << size;
  }
  write_file(file, whole + "x");
  EXPECT_TRUE(cache.find("x").empty());
  // Another key's file under this key's name.
  const DiskCache second(folder.path() / "b", "{}", 1'000'000);
  second.keep("y", bytes_of(100, 3));
  fs::copy_file(only_kept(folder.path() / "b"), file, fs::copy_options::overwrite_existing);
  EXPECT_TRUE(cache.find("x").empty());
  cache.keep("x", bytes_of(100, 5));
  EXPECT_EQ(cache.find("x"), bytes_of(100, 5));
  EXPECT_EQ(files_below(folder.path() / "a").size(), 2u);  // with maker.json
}

TEST(DiskCache, KeepsNoMoreThanItsLimit) {
  const TemporaryDirectory folder;
  const DiskCache cache(folder.path() / "a", "{}", 1000);
  for (const char* key : {"a", "b", "c", "d"}) cache.keep(key, bytes_of(300, 1));
  EXPECT_LE(cache.bytes(), 1000u);
  EXPECT_FALSE(cache.find("b").empty());
  EXPECT_TRUE(cache.find("d").empty());
}

TEST(DiskCache, AFullDiskIsNoReasonToStop) {
  const TemporaryDirectory folder;
  const DiskCache cache(folder.path() / "a", "{}", 1'000'000);
  cache.keep("small", bytes_of(100, 1));
  {
    const FileLimit full(4096);
    cache.keep("large", bytes_of(20'000, 2));
  }
  EXPECT_TRUE(cache.find("large").empty());
  EXPECT_FALSE(cache.find("small").empty());
  EXPECT_EQ(files_below(folder.path()).size(), 2u);
  cache.keep("large", bytes_of(20'000, 2));
  EXPECT_FALSE(cache.find("large").empty());
}

TEST(DiskCache, IsCountedAndCleared) {
  const TemporaryDirectory folder;
  EXPECT_TRUE(cache_uses(folder.path()).empty());
  const DiskCache one(kept_folder(folder.path()) / "latents-1", R"({"made": "by"})", 1'000'000);
  const DiskCache two(kept_folder(folder.path()) / "texts-2", "{}", 1'000'000);
  one.keep("x", bytes_of(52, 1));
  one.keep("y", bytes_of(52, 1));
  const auto uses = cache_uses(folder.path());
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].name, "latents-1");
  EXPECT_EQ(uses[0].files, 2u);
  EXPECT_EQ(uses[0].bytes, 200u);
  EXPECT_THAT(uses[0].maker, testing::HasSubstr("made"));
  EXPECT_EQ(clear_caches(folder.path()), 200u);
  EXPECT_TRUE(cache_uses(folder.path()).empty());
  EXPECT_EQ(clear_caches(folder.path()), 0u);
}

/// Pictures whose files together are larger than the limits below.
class FullDisk : public testing::Test {
 protected:
  FullDisk() {
    for (int i = 0; i < 24; ++i) {
      Image picture{160, 160, 3, {}};
      std::uint32_t state = static_cast<std::uint32_t>(i) * 2654435761u + 1;
      for (int k = 0; k < 160 * 160 * 3; ++k)
        picture.pixels.push_back(
            static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24));
      save_image(pictures_.path() / fmt::format("{}.png", i), picture);
      write_file(pictures_.path() / fmt::format("{}.txt", i), fmt::format("grain number {}", i));
    }
    options_.thresholds = {};
    options_.thresholds.max_noise = 1000;
    options_.thresholds.min_side = 16;
    options_.thresholds.max_blockiness = 1000;
    options_.thresholds.max_watermark = 2;
    const fs::path paths[] = {pictures_.path()};
    SurveyOptions quick;
    quick.threads = 1;
    survey_ = take_survey(collect(paths), quick);
    decisions_ = decide(survey_, options_);
  }
  TemporaryDirectory pictures_, output_;
  CurateOptions options_;
  Survey survey_;
  std::vector<Decision> decisions_;
};

TEST_F(FullDisk, CurateNamesTheFileAndLeavesTheOldOnesWhole) {
  const auto write = [&] {
    return write_curated(survey_, decisions_, options_, output_.path(), 1u << 20);
  };
  const auto files = write();
  ASSERT_GE(files.shards.size(), 2u);
  std::map<fs::path, std::string> before;
  for (const auto& file : files_below(output_.path())) before[file] = read_text_file(file);
  for (const rlim_t limit : {1u, 500u, 3000u, 6000u, 40'000u, 300'000u}) {
    const FileLimit full(limit);
    try {
      write();
      FAIL() << "no Error at " << limit;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(output_.path().string()));
    }
    std::map<fs::path, std::string> after;
    for (const auto& file : files_below(output_.path())) after[file] = read_text_file(file);
    EXPECT_EQ(after, before) << limit;
  }
  // With room again everything is as it would have been.
  write();
  for (const auto& [file, content] : before) EXPECT_EQ(read_text_file(file), content);
}

TEST_F(FullDisk, AFirstCurateThatFailsLeavesNothingHalf) {
  {
    const FileLimit full(40'000);
    EXPECT_THROW(write_curated(survey_, decisions_, options_, output_.path(), 1u << 20), Error);
  }
  for (const auto& file : files_below(output_.path()))
    EXPECT_THAT(file.extension(), testing::AnyOf(".csv", ".jsonl")) << file;
  EXPECT_FALSE(fs::exists(output_.path() / "dataset.json"));
}

TEST_F(FullDisk, ListsAreWholeOrNotThere) {
  std::vector<Row> rows;
  for (const auto& picture : survey_.data.pictures) rows.push_back(picture.row);
  const FileLimit full(2000);
  EXPECT_THROW(save_rows(output_.path() / "captions.jsonl", rows), Error);
  EXPECT_TRUE(files_below(output_.path()).empty());
}

}  // namespace
}  // namespace sumi
