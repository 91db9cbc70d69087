#include "core/progress.h"

#include <gtest/gtest.h>

#include <vector>

namespace sumi {
namespace {

TEST(Progress, CountsAndEnds) {
  std::vector<ProgressState> seen;
  {
    Progress progress("work", 3, [&](const ProgressState& state) { seen.push_back(state); });
    progress.advance();
    progress.advance(2, "note");
  }
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].done, 1);
  EXPECT_GT(seen[0].rate_per_s, 0);
  EXPECT_GT(seen[0].eta_s, 0);
  EXPECT_EQ(seen[1].done, 3);
  EXPECT_EQ(seen[1].note, "note");
  EXPECT_EQ(seen[2].eta_s, 0);
}

TEST(Progress, FormatsDurations) {
  EXPECT_EQ(format_duration(7), "0:07");
  EXPECT_EQ(format_duration(245), "4:05");
  EXPECT_EQ(format_duration(3723), "1:02:03");
}

}  // namespace
}  // namespace sumi
