#include "core/nearest.h"

#include <algorithm>
#include <vector>

namespace sumi {

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> before, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int replace = last[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> known) {
  const int limit = std::max<int>(1, static_cast<int>(word.size()) / 3);
  std::string best;
  int distance = limit + 1;
  for (const auto& candidate : known) {
    const int d = edit_distance(word, candidate);
    // "--negative" means --negative-prompt, however many letters are missing.
    const bool begun = word.size() >= 4 && candidate.starts_with(word);
    if (begun || d < distance) {
      best = candidate;
      distance = begun ? 0 : d;
    }
  }
  return best;
}

}  // namespace sumi
