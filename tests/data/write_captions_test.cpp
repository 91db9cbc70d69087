#include "data/write_captions.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace sumi {
namespace {

Row apple() {
  Row row;
  row.name = "apple";
  row.style = "3d render";
  row.tags = {"fruit", "red", "food", "sweet"};
  return row;
}

TEST(ComposeCaption, FillsFieldsAndDropsEmptyBrackets) {
  EXPECT_EQ(compose_caption("[{style} of ]{a name}[, {tags}]", apple()),
            "3d render of an apple, fruit, red, food");
  EXPECT_EQ(compose_caption("[{group}: ]{name} by {author}", apple()), "apple by");
  Row bare;
  bare.file = "/x/red_car-02.jpg";
  EXPECT_EQ(compose_caption("[{style} of ]{a name}[, {tags}]", bare), "a red car");
  EXPECT_EQ(compose_caption("plain words", bare), "plain words");
}

TEST(ComposeCaption, MistakesAreNamed) {
  for (const char* wrong : {"{colour}", "{name", "[{name}", "{name}]", "[[{name}]]"})
    EXPECT_THROW(compose_caption(wrong, apple()), Error) << wrong;
}

TEST(RepairCaption, PutsRightWhatIsKnown) {
  EXPECT_EQ(repaired_caption("  a  apple\n on_a table. "), "an apple on a table");
  EXPECT_EQ(repaired_caption("an banana, Red, red,, fruit,"), "a banana, Red, fruit");
  EXPECT_EQ(repaired_caption("<p>a <b>dog</b> see https://x.org/y now</p>"), "a dog see now");
  EXPECT_EQ(repaired_caption("2 < 3 > 1"), "2 < 3 > 1");
  EXPECT_EQ(repaired_caption("\xE2\x80\x9Cone\xE2\x80\x9D \xE2\x80\x94 it\xE2\x80\x99s"),
            "\"one\" - it's");
  EXPECT_EQ(repaired_caption("e\xCC\x81t\xE9"), "\xC3\xA9t\xEF\xBF\xBD");
  EXPECT_EQ(repaired_caption("One. Two."), "One. Two.");
  EXPECT_EQ(repaired_caption("an hour, a unicorn"), "an hour, a unicorn");
  EXPECT_EQ(repaired_caption(""), "");
  for (const char* text : {"a apple.", "x,,x", "<b>a</b> owl"})
    EXPECT_EQ(repaired_caption(repaired_caption(text)), repaired_caption(text));
}

TEST(WriteCaptions, ComposesWhereThereIsNoneAndListsChangesOnly) {
  Collection data;
  data.pictures.resize(3);
  data.pictures[0].row = apple();
  data.pictures[0].row.id = "folder:/x/0.png";
  data.pictures[1].row.caption = "a owl";
  data.pictures[1].has_caption = true;
  data.pictures[2].row.caption = "a fox";
  data.pictures[2].has_caption = true;
  const auto changes = write_captions(data, {"{a name}"}, false);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].after, "an apple");
  EXPECT_EQ(changes[1].before, "a owl");
  EXPECT_EQ(changes[1].after, "an owl");
}

}  // namespace
}  // namespace sumi
