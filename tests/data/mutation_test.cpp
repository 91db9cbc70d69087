// Thousands of damaged shards, tables, kept files and records, the same in every run.

#include <cstring>

#include "data/tar_header.h"
#include "data_seeds.h"
#include "mutants.h"

namespace sumi {
namespace {

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Headers whose checksums are right again, so that what they say is looked at.
std::string with_checksums(std::string tar) {
  for (std::size_t at = 0; at + 512 <= tar.size(); at += 512) {
    if (tar.compare(at + 257, 5, "ustar") != 0) continue;
    TarBlock block;
    std::memcpy(block.data(), tar.data() + at, block.size());
    char sum[8];
    std::snprintf(sum, sizeof sum, "%06o", static_cast<unsigned>(tar_checksum(block)));
    tar.replace(at + 148, 7, sum, 7);
  }
  return tar;
}

TEST(Mutants, Shards) {
  expect_both_ends(check_mutants(shard_seeds(), 8000, 11, [](const std::string& file) {
    return check_shard(as_bytes(file));
  }));
}

TEST(Mutants, ShardsWithRightChecksums) {
  expect_both_ends(check_mutants(shard_seeds(), 8000, 12, [](const std::string& file) {
    return check_shard(as_bytes(with_checksums(file)));
  }));
}

TEST(Mutants, Csv) { expect_both_ends(check_mutants(csv_seeds(), 8000, 13, &check_csv)); }

TEST(Mutants, Records) { expect_both_ends(check_mutants(record_seeds(), 8000, 14, &check_record)); }

TEST(Mutants, KeptFiles) {
  const auto seeds = kept_seeds();
  ASSERT_EQ(seeds.size(), 2u);
  const auto tally = check_mutants(seeds, 8000, 15, [&](const std::string& file) {
    const bool given = check_kept(as_bytes(file));
    EXPECT_EQ(given, std::find(seeds.begin(), seeds.end(), file) != seeds.end());
    return given;
  });
  EXPECT_GT(tally.refused, 7000);
}

}  // namespace
}  // namespace sumi
