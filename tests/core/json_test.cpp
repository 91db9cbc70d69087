#include "core/json.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace sumi {
namespace {

TEST(Json, ReadsWhatIsValid) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x", null]})", "t")["a"][1], 2.5);
}

TEST(Json, RefusesHostileText) {
  EXPECT_THROW(parse_json(std::string(200'000, '['), "t"), Error);
  EXPECT_THROW(parse_json(R"({"a": 1, "a": 2})", "t"), Error);
  EXPECT_THROW(parse_json(R"({"a": 1} x)", "t"), Error);
  EXPECT_THROW(parse_json("", "t"), Error);
  EXPECT_THROW(parse_json("[[[1]]]", "t", 2), Error);
  EXPECT_NO_THROW(parse_json("[[[1]]]", "t", 3));
}

TEST(Json, TheSameKeyInSiblingsIsFine) {
  EXPECT_NO_THROW(parse_json(R"([{"a": 1}, {"a": 2}])", "t"));
}

}  // namespace
}  // namespace sumi
