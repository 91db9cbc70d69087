#include "data/icon_names.h"

#include <gtest/gtest.h>

namespace sumi {
namespace {

TEST(IconNames, AreWhatTheIconShows) {
  EXPECT_EQ(icon_name("apple-one"), "apple");
  EXPECT_EQ(icon_name("aircraft-hot-air-balloon-2"), "hot air balloon");
  EXPECT_EQ(icon_name("fruit-banana"), "banana");
  EXPECT_EQ(icon_name("crescent-moon"), "crescent moon");
  EXPECT_EQ(icon_name("Sugar_Cane"), "sugar cane");
  EXPECT_EQ(icon_name("man-dancing-2"), "man dancing");
}

TEST(IconNames, AChapterAloneIsAName) {
  EXPECT_EQ(icon_name("weather"), "weather");
  EXPECT_EQ(icon_name("fruitcake"), "fruitcake");
}

TEST(IconNames, JunkAndBrandsHaveNone) {
  for (const char* junk : {"abstract-011", "", "-", "12", "m3-grease-gun", "facebook-logo",
                           "video-dash-youtube", "x", "tarot-08-strength"})
    EXPECT_EQ(icon_name(junk), "") << junk;
}

TEST(IconNames, ChaptersOfSignsAndBrandsAreKnown) {
  EXPECT_TRUE(is_sign_chapter("Arrows"));
  EXPECT_FALSE(is_sign_chapter("Animals"));
  EXPECT_TRUE(is_brand_chapter("Logos"));
  EXPECT_FALSE(is_brand_chapter("Foods"));
}

}  // namespace
}  // namespace sumi
