#include "core/config.h"

#include <gmock/gmock.h>

namespace sumi {
namespace {

struct Inner {
  std::int8_t small = 1;
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("small", self.small, "a small number");
  }
};

struct Outer {
  std::string name = "x";
  double rate = 0.5;
  bool on = false;
  std::vector<int> sizes = {1, 2};
  Inner inner;
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("name", self.name, "");
    visit("rate", self.rate, "");
    visit("on", self.on, "");
    visit("sizes", self.sizes, "");
    visit("inner", self.inner, "");
  }
};

std::string problem_of(const std::string& text) {
  Outer outer;
  try {
    from_json(parse_json(text, "test"), outer, "test");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Config, RoundTripsThroughJson) {
  Outer outer{"emoji", 0.25, true, {4, 5, 6}, {7}};
  Outer back;
  from_json(to_json(outer), back, "test");
  EXPECT_EQ(to_json(back), to_json(outer));
  EXPECT_EQ(back.inner.small, 7);
}

TEST(Config, MissingKeysKeepTheirValues) {
  Outer outer;
  from_json(parse_json(R"({"rate": 2})", "test"), outer, "test");
  EXPECT_EQ(outer.rate, 2);
  EXPECT_EQ(outer.name, "x");
}

TEST(Config, NamesWhatIsWrong) {
  EXPECT_THAT(problem_of(R"({"nmae": "a"})"), testing::HasSubstr("unknown key \"nmae\""));
  EXPECT_THAT(problem_of(R"({"name": 3})"), testing::HasSubstr("test.name"));
  EXPECT_THAT(problem_of(R"({"on": 1})"), testing::HasSubstr("test.on"));
  EXPECT_THAT(problem_of(R"({"sizes": [1, "b"]})"), testing::HasSubstr("test.sizes"));
  EXPECT_THAT(problem_of(R"({"inner": {"small": 300}})"), testing::HasSubstr("out of range"));
  EXPECT_THAT(problem_of(R"({"inner": 1})"), testing::HasSubstr("expected an object"));
}

}  // namespace
}  // namespace sumi
