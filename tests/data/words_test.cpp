#include "data/words.h"

#include <gtest/gtest.h>

namespace sumi {
namespace {

TEST(Words, HeadNounIsTheLastWordBeforeAPreposition) {
  EXPECT_EQ(head_noun("red apple"), "apple");
  EXPECT_EQ(head_noun("cup of coffee"), "cup");
  EXPECT_EQ(head_noun("snowman without snow"), "snowman");
  EXPECT_EQ(head_noun("dog, sitting"), "dog");
  EXPECT_EQ(head_noun("  Fire   Truck "), "truck");
  EXPECT_EQ(head_noun(""), "");
}

TEST(Words, HeadNounIsSingular) {
  EXPECT_EQ(head_noun("Green Apples"), "apple");
  EXPECT_EQ(head_noun("cherries"), "cherry");
  EXPECT_EQ(head_noun("french fries"), "fry");
  EXPECT_EQ(head_noun("boxes"), "box");
  EXPECT_EQ(head_noun("tomatoes"), "tomato");
  for (const char* word : {"bus", "cactus", "glass", "octopus", "dress"})
    EXPECT_EQ(head_noun(word), word);
}

TEST(Words, ArticlesFollowSoundAndNumber) {
  EXPECT_EQ(with_article("cat"), "a cat");
  EXPECT_EQ(with_article("umbrella"), "an umbrella");
  EXPECT_EQ(with_article("hourglass"), "an hourglass");
  EXPECT_EQ(with_article("unicorn"), "a unicorn");
  EXPECT_EQ(with_article("ufo"), "a ufo");
  EXPECT_EQ(with_article("grapes"), "grapes");
  EXPECT_EQ(with_article("bread"), "bread");
  EXPECT_EQ(with_article("loaf of bread"), "a loaf of bread");
  EXPECT_EQ(with_article("octopus"), "an octopus");
}

TEST(Words, PlainNamesAreWhatPeopleType) {
  EXPECT_EQ(plain_name("automobile"), "car");
  EXPECT_EQ(plain_name("Hot Beverage"), "cup of coffee");
  EXPECT_EQ(plain_name("T-Rex"), "t-rex");
  EXPECT_EQ(plain_name("woman\xE2\x80\x99s hat"), "sun hat");
  EXPECT_EQ(plain_name("\xE2\x80\x9Csecret\xE2\x80\x9D button"), "secret button");
}

TEST(Words, TitlesAreRepairedOrDropped) {
  EXPECT_EQ(repaired_title("red_car-02"), "red car");
  EXPECT_EQ(repaired_title("A Big House"), "big house");
  EXPECT_EQ(repaired_title("penguin_mike_powers_01", "Mike Powers"), "penguin");
  EXPECT_EQ(repaired_title("clipart by nicu buculei - piggybank", "Nicu Buculei"), "piggy bank");
  EXPECT_EQ(repaired_title("bacon_bw_ganson_01"), "black and white bacon");
  EXPECT_EQ(repaired_title("desk stappler"), "desk stapler");
  EXPECT_EQ(repaired_title("pill_button_red"), "red pill button");
  EXPECT_EQ(repaired_title("joystick black red"), "black red joystick");
  EXPECT_EQ(repaired_title("birds in black and white"), "birds in black and white");
  EXPECT_EQ(repaired_title("blue"), "blue");
  EXPECT_EQ(repaired_title("hill rpg map elements"), "hill");
  for (const char* junk :
       {"rana01", "01", "", "x", "barattolo di pillole", "h4x0r sign", "etichetta_con_fiore",
        "farfalla_semplice_01", "bullet_hole_x", "sortie de secours", "gnome-mime-text",
        "one two three four five six seven eight"})
    EXPECT_EQ(repaired_title(junk), "") << junk;
}

}  // namespace
}  // namespace sumi
