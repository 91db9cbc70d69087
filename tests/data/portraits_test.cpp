#include "data/portraits.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "data/sources.h"

namespace sumi {
namespace {

std::string named(const char* style, const char* attributes) {
  return portrait_name(style, parse_json(attributes, "test"));
}

TEST(Portraits, AreNamedByWhatIsSeen) {
  EXPECT_EQ(
      named("adventurer", R"({"hair":"short15","hairColor":"#6a4e35","glasses":"variant02"})"),
      "person with short brown hair and glasses");
  EXPECT_EQ(named("openPeeps", R"({"head":"hatBeanie","headContrastColor":"#2c1b18",
                                   "facialHair":"full3","clothingColor":"#8fa7df"})"),
            "person with a beanie, a full beard and a blue shirt");
  EXPECT_EQ(named("bigSmile", R"({"hair":"mohawk","hairColor":"#238d80","accessories":"catEars"})"),
            "person with a turquoise mohawk and cat ears");
  EXPECT_EQ(named("toonHead", R"({"rearHair":"longWavy","hairColor":"#2c1b18"})"),
            "person with long black hair");
}

TEST(Portraits, WhatHasNoWordsIsLeftOut) {
  EXPECT_EQ(named("micah", "{}"), "person");
  EXPECT_EQ(named("micah", R"({"hair":7,"hairColor":"red","shirtColor":"#12"})"), "person");
}

TEST(Portraits, ColoursTakeTheirArticle) {
  EXPECT_EQ(named("personas", R"({"hair":"bobCut","hairColor":"#f29c65"})"),
            "person with an orange bob");
  EXPECT_EQ(named("micah", R"({"shirtColor":"#ffeba4"})"), "person with a beige shirt");
}

TEST(Portraits, AListBecomesRows) {
  const TemporaryDirectory folder;
  write_file(folder.path() / "portraits.jsonl",
             std::string_view(R"({"file":"micah-0.svg","style":"micah","author":"Micah Lanier",)"
                              R"("licence":"CC BY 4.0","attributes":{"hair":"pixie"}})"
                              "\n"));
  const auto rows = portrait_rows(find_source("dicebear"), folder.path());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].name, "person with a pixie cut");
  EXPECT_EQ(rows[0].licence, "CC-BY-4.0");
  EXPECT_EQ(rows[0].author, "Micah Lanier");
  EXPECT_EQ(rows[0].style, "flat portrait");
  EXPECT_FALSE(rows[0].split.empty());
}

TEST(Portraits, DamagedListsAreErrors) {
  for (const char* list : {"not json\n", "{}\n", R"({"file":"a.svg","style":"nobody"})"}) {
    const TemporaryDirectory folder;
    write_file(folder.path() / "portraits.jsonl", std::string_view(list));
    EXPECT_THROW(portrait_rows(find_source("dicebear"), folder.path()), Error) << list;
  }
}

}  // namespace
}  // namespace sumi
