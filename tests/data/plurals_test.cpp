#include "data/plurals.h"

#include <gtest/gtest.h>

namespace sumi {
namespace {

TEST(Plurals, FollowTheHeadOfTheName) {
  EXPECT_EQ(plural_name("lemon"), "lemons");
  EXPECT_EQ(plural_name("slice of cake"), "slices of cake");
  EXPECT_EQ(plural_name("woman with white hair"), "women with white hair");
  EXPECT_EQ(plural_name("fire truck"), "fire trucks");
  EXPECT_EQ(plural_name("man playing handball"), "men playing handball");
  EXPECT_EQ(plural_name("face savoring food"), "faces savoring food");
  EXPECT_EQ(plural_name("sewing machine"), "sewing machines");
}

TEST(Plurals, FollowTheEnding) {
  EXPECT_EQ(plural_name("box"), "boxes");
  EXPECT_EQ(plural_name("bus"), "buses");
  EXPECT_EQ(plural_name("watch"), "watches");
  EXPECT_EQ(plural_name("butterfly"), "butterflies");
  EXPECT_EQ(plural_name("monkey"), "monkeys");
  EXPECT_EQ(plural_name("tomato"), "tomatoes");
  EXPECT_EQ(plural_name("snowman"), "snowmen");
  EXPECT_EQ(plural_name("maple leaf"), "maple leaves");
  EXPECT_EQ(plural_name("computer mouse"), "computer mice");
  EXPECT_EQ(plural_name("fish"), "fish");
  EXPECT_EQ(plural_name("moose"), "moose");
}

TEST(Plurals, PluralsAndStuffStay) {
  EXPECT_EQ(plural_name("grapes"), "grapes");
  EXPECT_EQ(plural_name("bread"), "bread");
}

TEST(Plurals, CountsAreWords) {
  EXPECT_EQ(count_word(2), "two");
  EXPECT_EQ(count_word(12), "twelve");
  EXPECT_EQ(count_word(13), "13");
}

}  // namespace
}  // namespace sumi
