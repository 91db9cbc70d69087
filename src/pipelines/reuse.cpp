#include "pipelines/reuse.h"

#include <algorithm>

namespace sumi {
namespace {

/// With and without guidance, and words that alternate.
constexpr std::size_t kRecentContexts = 4;

bool same_parts(const std::vector<Tensor>& parts, const NetworkRows& rows) {
  return std::equal(
      parts.begin(), parts.end(), rows.begin(), rows.end(),
      [](const Tensor& part, const NetworkRow& row) { return part.is_same(row.context); });
}

}  // namespace

AttendedContext JoinedContexts::of(const NetworkRows& rows) {
  const auto found = std::find_if(recent_.begin(), recent_.end(),
                                  [&](const Entry& e) { return same_parts(e.parts, rows); });
  if (found != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, found);
    return recent_.front().joined;
  }
  std::vector<Tensor> parts;
  for (const auto& row : rows) parts.push_back(row.context);
  recent_.push_front({parts, AttendedContext::kept(torch::cat(parts))});
  if (recent_.size() > kRecentContexts) recent_.pop_back();
  return recent_.front().joined;
}

const StepCache::Kept* StepCache::find(const NetworkRow& row, int step) const {
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.row == row && fresh(kept, step);
  });
  return found == kept_.end() ? nullptr : &*found;
}

Tensor StepCache::recall(const NetworkRows& rows, int step) const {
  const Tensor& whole = find(rows.front(), step)->deep;
  bool as_kept = whole.size(0) == static_cast<std::int64_t>(rows.size());
  std::vector<Tensor> parts;
  for (const auto& row : rows) {
    const Kept& kept = *find(row, step);
    as_kept = as_kept && kept.deep.is_same(whole) &&
              kept.index == static_cast<std::int64_t>(parts.size());
    parts.push_back(kept.deep.narrow(0, kept.index, 1));
  }
  return as_kept ? whole : torch::cat(parts);
}

void StepCache::keep(const NetworkRows& rows, int step, const Tensor& deep) {
  std::erase_if(kept_, [&](const Kept& kept) {
    return std::find(rows.begin(), rows.end(), kept.row) != rows.end() ||
           std::abs(step - kept.step) >= interval_;
  });
  for (std::size_t i = 0; i < rows.size(); ++i)
    kept_.push_back({rows[i], step, deep, static_cast<std::int64_t>(i)});
}

}  // namespace sumi
