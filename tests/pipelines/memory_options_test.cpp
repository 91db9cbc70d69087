#include "pipelines/memory_options.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace sumi {
namespace {

TEST(Memory, AmountsAreReadWithTheirUnits) {
  EXPECT_EQ(parse_memory("2G"), 2147483648u);
  EXPECT_EQ(parse_memory("1500M"), 1572864000u);
  EXPECT_EQ(parse_memory("1.5g"), 1610612736u);
  EXPECT_EQ(parse_memory("800k"), 819200u);
  EXPECT_EQ(parse_memory("1000000"), 1000000u);
}

TEST(Memory, OtherTextsAreRefused) {
  for (const char* text :
       {"", "G", "2GB", "2 G", "two", "-1G", "0", "nan", "inf", "1e300", "2X", " 2G"})
    EXPECT_THROW(parse_memory(text), Error) << text;
}

}  // namespace
}  // namespace sumi
