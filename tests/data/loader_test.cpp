#include "data/loader.h"

#include <gtest/gtest.h>

#include <atomic>

#include "core/error.h"
#include "core/files.h"
#include "media/image.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

/// Sample `index` says its number; one in ten is damaged.
Sample numbered(std::uint64_t index) {
  if (index % 10 == 3) throw Error("damaged in way " + std::to_string(index / 10 % 12));
  if (index % 7 == 0) std::this_thread::yield();
  return {{}, std::to_string(index)};
}

std::vector<std::string> captions(Loader& loader, int batches) {
  std::vector<std::string> result;
  for (int i = 0; i < batches; ++i)
    for (const auto& sample : loader.next().samples) result.push_back(sample.caption);
  return result;
}

LoaderOptions options(int threads) {
  LoaderOptions result;
  result.batch_size = 9;
  result.threads = threads;
  result.ahead = 32;
  return result;
}

TEST(Loader, OrderAndCountsDoNotDependOnThreads) {
  std::vector<std::string> expected;
  for (int i = 0; i < 10000; ++i)
    if (i % 10 != 3) expected.push_back(std::to_string(i));
  for (const int threads : {1, 2, 8}) {
    Loader loader(numbered, options(threads));
    EXPECT_EQ(captions(loader, 1000), expected) << threads;
    EXPECT_EQ(loader.position(), 10000u);
    EXPECT_EQ(loader.damage().count, 1000u);
    ASSERT_EQ(loader.damage().names.size(), 50u);
    EXPECT_EQ(loader.damage().names[0], "sample 3: damaged in way 0");
    EXPECT_EQ(loader.damage().names[49], "sample 493: damaged in way 1");
  }
}

TEST(Loader, ResumesAtAPosition) {
  Loader whole(numbered, options(2));
  const auto all = captions(whole, 20);
  Loader first(numbered, options(2));
  auto parts = captions(first, 7);
  Loader second(numbered, options(1), first.position(), first.damage().count);
  const auto rest = captions(second, 13);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(parts, all);
  EXPECT_EQ(second.position(), whole.position());
  EXPECT_EQ(second.damage().count, whole.damage().count);
}

TEST(Loader, StopsAtTheSameSampleWhenTooManyAreDamaged) {
  const auto half = [](std::uint64_t index) -> Sample {
    if (index % 2 == 0) throw Error("torn");
    return {};
  };
  for (const int threads : {1, 8}) {
    Loader loader(half, options(threads));
    try {
      for (int i = 0; i < 100; ++i) loader.next();
      FAIL() << "no Error";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "17 of 33 samples are damaged, the last: sample 32: torn");
      EXPECT_NE(error.hint().find("trainer.max_damaged"), std::string::npos) << error.hint();
    }
  }
}

TEST(Loader, BatchesTellWhatWasLeftOutForThem) {
  Loader loader(numbered, options(2));
  EXPECT_EQ(loader.next().damage.names, std::vector<std::string>{"sample 3: damaged in way 0"});
  EXPECT_EQ(loader.next().damage.names, std::vector<std::string>{"sample 13: damaged in way 1"});
}

TEST(Loader, CountsTheDamageBeforeItsStart) {
  const auto torn = [](std::uint64_t) -> Sample { throw Error("torn"); };
  Loader loader(torn, options(1), 100, 16);
  try {
    loader.next();
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "22 of 106 samples are damaged, the last: sample 105: torn");
  }
}

TEST(Loader, OtherFailuresReachTheCaller) {
  Loader loader(
      [](std::uint64_t index) -> Sample {
        if (index == 20) throw std::logic_error("a bug");
        return {};
      },
      options(2));
  loader.next();
  loader.next();
  EXPECT_THROW(loader.next(), std::logic_error);
}

TEST(Loader, MakesOnlySoManyAhead) {
  std::atomic<std::uint64_t> highest = 0;
  {
    Loader loader(
        [&](std::uint64_t index) {
          std::uint64_t before = highest;
          while (before < index && !highest.compare_exchange_weak(before, index)) {
          }
          return Sample{};
        },
        options(2));
    for (int i = 0; i < 10; ++i) loader.next();
  }
  EXPECT_GE(highest, 89u);
  EXPECT_LT(highest, 90u + 32u);
}

TEST(Loader, RefusesEmptyBatches) {
  auto none = options(1);
  none.batch_size = 0;
  EXPECT_THROW(Loader(numbered, none), Error);
  EXPECT_THROW(Loader(numbered, options(0)), Error);
}

/// Whole pictures on disk, one in ten damaged in one of twelve ways.
class DamagedFolder : public testing::Test {
 protected:
  static constexpr int kPictures = 120;

  DamagedFolder() {
    for (int i = 0; i < kPictures; ++i) {
      const auto file = folder_.path() / fmt::format("p{:03}.png", i);
      const std::array<std::uint8_t, 3> colour = {static_cast<std::uint8_t>(i), 90, 200};
      save_image(file, filled_image(24, 24, colour));
      write_file(folder_.path() / fmt::format("p{:03}.txt", i), fmt::format("picture {}", i));
      if (i % 10 == 4) damage(file, i / 10);
    }
    config_.folders = {{folder_.path().string(), "", false, 1}};
    config_.size_px = 16;
    config_.split = "scorer";
  }

  static void damage(const fs::path& file, int way) {
    auto bytes = read_text_file(file);
    switch (way) {
      case 0:
        bytes.clear();
        break;
      case 1:
        bytes.resize(1);
        break;
      case 2:
        bytes.resize(8);
        break;
      case 3:
        bytes.resize(20);
        break;
      case 4:
        bytes.resize(bytes.size() / 2);
        break;
      case 5:
        bytes[0] = 'x';
        break;
      case 6:
        bytes[12] = 'x';
        break;
      case 7:
        bytes.replace(16, 4, "\xff\xff\xff\xff");
        break;
      case 8:
        bytes[24] = 77;
        break;
      case 9:
        bytes = "<html>404</html>";
        break;
      case 10:
        bytes = std::string(500, '\0');
        break;
      default:
        bytes = "\xff\xd8\xff\xe0";
        break;
    }
    write_file(file, bytes);
  }

  TemporaryDirectory folder_;
  DatasetConfig config_;
};

TEST_F(DamagedFolder, SamplesAreSkippedCountedAndNamed) {
  const TemporaryDirectory cache;
  const Dataset dataset(config_, cache.path());
  std::vector<std::string> expected;
  std::uint64_t damaged = 0, index = 0;
  for (; expected.size() < 9 * 60; ++index) {
    const auto caption = dataset.caption_at(index);
    if (std::stoi(caption.substr(8)) % 10 == 4) {
      ++damaged;
    } else {
      expected.push_back(caption);
    }
  }
  ASSERT_GT(damaged, 20u);
  for (const int threads : {1, 2, 8}) {
    Loader loader(samples_of(dataset), options(threads));
    EXPECT_EQ(captions(loader, 60), expected) << threads;
    EXPECT_EQ(loader.damage().count, damaged);
    EXPECT_EQ(loader.position(), index);
    EXPECT_NE(loader.damage().names[0].find(".png"), std::string::npos);
  }
}

}  // namespace
}  // namespace sumi
