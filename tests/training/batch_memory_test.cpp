#include "training/batch_memory.h"

#include <gmock/gmock.h>

#include <vector>

#include "core/error.h"

namespace sumi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kMegabyte = 1'000'000;

/// A network that takes so much, and so much for each sample; keeps the batches it was asked for.
struct Network {
  std::uint64_t per_sample, fixed = 100 * kMegabyte;
  std::vector<int> asked = {};

  BatchProbe probe() {
    return [this](int count) {
      asked.push_back(count);
      return fixed + per_sample * static_cast<std::uint64_t>(count);
    };
  }
};

TEST(BatchMemory, GrowsByTheSameWithEachSample) {
  Network network{300 * kMegabyte};
  const auto memory = measure_batches(64, 8000 * kMegabyte, network.probe());
  EXPECT_THAT(network.asked, ElementsAre(1, 2));
  EXPECT_NEAR(memory.fixed, 100e6, 1);
  EXPECT_NEAR(memory.of(64), 100e6 + 64 * 300e6, 1);
}

TEST(BatchMemory, OneSampleIsEnoughWhereThereIsRoom) {
  Network network{300 * kMegabyte};
  const auto memory = measure_batches(8, 8000 * kMegabyte, network.probe());
  EXPECT_THAT(network.asked, ElementsAre(1));
  EXPECT_NO_THROW(require_fit(memory, 8, 8000 * kMegabyte));
}

TEST(BatchMemory, SmallSamplesAreDoubledUntilTheyShow) {
  Network network{kMegabyte};
  const auto memory = measure_batches(100'000, 8000 * kMegabyte, network.probe());
  EXPECT_THAT(network.asked, ElementsAre(1, 2, 4, 8, 16, 32, 64));
  EXPECT_NEAR(memory.of(100'000), 100'100e6, 1e3);
  Network tiny{10, 0};
  measure_batches(9, 8000 * kMegabyte, tiny.probe());
  EXPECT_THAT(tiny.asked, ElementsAre(1, 2, 4, 8));
  Network single{10};
  EXPECT_EQ(measure_batches(1, 8000 * kMegabyte, single.probe()).of(1), 0);
  EXPECT_THAT(single.asked, IsEmpty());
}

TEST(BatchMemory, NothingIsComputedThatWouldNotFit) {
  Network network{3000 * kMegabyte};
  const auto memory = measure_batches(64, 4000 * kMegabyte, network.probe());
  EXPECT_THAT(network.asked, ElementsAre(1));
  EXPECT_THROW(require_fit(memory, 64, 4000 * kMegabyte), Error);
}

TEST(BatchMemory, TheErrorSaysWhatWouldFit) {
  const BatchMemory memory{100e6, 300e6};
  EXPECT_NO_THROW(require_fit(memory, 26, 8000 * kMegabyte));
  EXPECT_NO_THROW(require_fit(memory, 31, 8000 * kMegabyte));  // a little more than there is
  EXPECT_NO_THROW(require_fit(memory, 1000, 0));               // not known how much there is
  try {
    require_fit(memory, 64, 8000 * kMegabyte);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("64 samples at a time take 19.3 GB"));
    EXPECT_THAT(error.what(), HasSubstr("8.0 GB"));
    EXPECT_THAT(error.hint(), HasSubstr("batch_size of 21 "));
    EXPECT_THAT(error.hint(), HasSubstr("trainer.accumulation"));
  }
  try {
    require_fit({0, 9e9}, 2, 8000 * kMegabyte);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), testing::StartsWith("\"checkpoint_blocks\""));
    EXPECT_THAT(error.hint(), testing::HasSubstr("offload"));
  }
  try {
    require_fit({0, 9e9}, 2, 8000 * kMegabyte, true);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), testing::Not(testing::HasSubstr("offload")));
  }
}

}  // namespace
}  // namespace sumi
