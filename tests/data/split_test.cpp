#include "data/split.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace sumi {
namespace {

// Buckets computed with an independent XXH64: a changed hash would mix training and held-out
// things.
TEST(Split, BucketsStayWhereTheyAre) {
  const std::pair<const char*, int> known[] = {{"apple", 47},     {"cat", 39},    {"dog", 61},
                                               {"car", 81},       {"rocket", 98}, {"owl", 97},
                                               {"butterfly", 94}, {"ring", 95},   {"guitar", 86}};
  for (const auto& [name, bucket] : known) EXPECT_EQ(concept_bucket(name), bucket) << name;
}

TEST(Split, NamesWithOneHeadStandOnOneSide) {
  EXPECT_EQ(concept_bucket("red apple"), concept_bucket("green apples"));
  EXPECT_EQ(concept_side("owl"), ConceptSide::held_out);
  EXPECT_EQ(concept_side("snowy owl"), ConceptSide::held_out);
  EXPECT_EQ(concept_side("butterfly"), ConceptSide::validation);
  EXPECT_EQ(concept_side("cat"), ConceptSide::training);
}

TEST(Split, HeldOutPairsAreStable) {
  EXPECT_TRUE(is_held_out_pair("3d render", "bat"));
  EXPECT_TRUE(is_held_out_pair("flat emoji", "lion"));
  EXPECT_FALSE(is_held_out_pair("3d render", "cat"));
}

TEST(Split, EveryThingBelongsToTheScorerAndToOneKindOfOtherSplit) {
  for (const char* name : {"cat", "owl", "butterfly", "bat", "lion", "sun", "ring", "egg", "house"})
    for (const char* style : {"3d render", "flat emoji", "cartoon emoji"}) {
      EXPECT_TRUE(belongs_to(Split::scorer, style, name));
      int others = 0;
      for (const auto split :
           {Split::train, Split::validation_concepts, Split::held_out, Split::held_out_pairs})
        others += belongs_to(split, style, name) ? 1 : 0;
      EXPECT_EQ(others, 1) << style << " " << name;
      EXPECT_EQ(belongs_to(Split::train, style, name), belongs_to(Split::validation, style, name));
    }
}

TEST(Split, AboutThreePercentOfPairsAreHeldOut) {
  int held_out = 0;
  for (int i = 0; i < 10000; ++i)
    held_out += is_held_out_pair("flat emoji", "thing " + std::to_string(i)) ? 1 : 0;
  EXPECT_NEAR(held_out, 300, 60);
}

TEST(Split, UnknownNamesAreErrors) {
  EXPECT_EQ(split_named("held_out"), Split::held_out);
  EXPECT_THROW(split_named("training"), Error);
}

}  // namespace
}  // namespace sumi
