#include "data/batch.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace sumi {
namespace {

TEST(Batch, PicturesBecomePlanesFromMinusOneToOne) {
  SampleBatch samples;
  samples.samples.push_back({{2, 1, 3, {0, 51, 255, 102, 153, 204}}, "first"});
  samples.samples.push_back({{2, 1, 3, {255, 255, 255, 0, 0, 0}}, "second"});
  samples.next_index = 7;
  const auto batch = to_batch(samples);
  ASSERT_EQ(batch.pictures.sizes(), (std::vector<std::int64_t>{2, 3, 1, 2}));
  EXPECT_EQ(batch.captions, (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(batch.next_index, 7u);
  const float expected[] = {-1, -0.2f, -0.6f, 0.2f, 1, 0.6f, 1, -1, 1, -1, 1, -1};
  for (int i = 0; i < 12; ++i)
    EXPECT_NEAR(batch.pictures.data_ptr<float>()[i], expected[i], 1e-6) << i;
  EXPECT_TRUE(to_tensor(samples.samples[1].picture).equal(batch.pictures.slice(0, 1, 2)));
}

TEST(Batch, MixedOrMissingPicturesAreErrors) {
  SampleBatch samples;
  EXPECT_THROW(to_batch(samples), Error);
  samples.samples.push_back({{1, 1, 3, {0, 0, 0}}, ""});
  samples.samples.push_back({{1, 2, 3, {0, 0, 0, 0, 0, 0}}, ""});
  EXPECT_THROW(to_batch(samples), Error);
}

}  // namespace
}  // namespace sumi
