#include "text/bpe_long_word.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace sumi {

void LongWord::apply(const MergeTable& merges, MergeTable::Part part, std::vector<int>& out) {
  start(merges, part);
  for (int rank = lowest_rank(); rank != kNone; rank = lowest_rank()) {
    collect(rank);
    join(merges, rank);
  }
  for (int i = 0; i < size(); i = behind(i)) out.push_back(at(i).symbol);
}

/// The first byte behind the symbol that begins at `place`.
int LongWord::behind(int place) {
  const int next = place + 1;
  return next < size() && at(next).rank < kNone ? place + ~at(next).rank : next;
}

/// Where the symbol before begins; kNone at the word's beginning.
int LongWord::before(int place) {
  if (place == 0) return kNone;
  const int mark = at(place - 1).symbol;
  return mark < 0 ? ~mark : place - 1;
}

void LongWord::start(const MergeTable& merges, MergeTable::Part part) {
  batch_.reserve(part.bytes.size());
  heads_.resize(merges.results_.size(), kNone);
  waiting_.resize(merges.results_.size() / 64 + 1);
  lowest_ = waiting_.size();
  free_notes_ = kNone;
  notes_.clear();
  notes_.reserve(part.bytes.size() / 4);  // untouched memory costs nothing, copies do
  slots_.clear();
  slots_.reserve(part.bytes.size());
  for (std::size_t i = 0; i < part.bytes.size(); ++i)
    slots_.push_back(
        {symbol_of_byte(part.bytes[i], part.ends_word && i + 1 == part.bytes.size()), kNone});
  for (int i = 0; i < size(); ++i) look_up(merges, i);
}

/// Notes the pair that begins at a place, when it can be joined.
void LongWord::look_up(const MergeTable& merges, int place) {
  auto& here = at(place);
  const int right = behind(place);
  const auto* merge = right < size() ? merges.find(here.symbol, at(right).symbol) : nullptr;
  here.rank = merge ? merge->rank : kNone;
  if (merge) note(place, merge->rank);
}

/// Empty notes with others behind them.
int LongWord::new_notes(int next) {
  int index = free_notes_;
  if (index == kNone) {
    index = static_cast<int>(notes_.size());
    notes_.emplace_back();
  } else {
    free_notes_ = notes_[static_cast<std::size_t>(index)].next;
  }
  auto& notes = notes_[static_cast<std::size_t>(index)];
  notes.count = 0;
  notes.next = next;
  return index;
}

void LongWord::note(int place, int rank) {
  const auto index = static_cast<std::size_t>(rank);
  int head = heads_[index];
  constexpr int kFull = std::tuple_size_v<decltype(Notes::places)>;
  if (head == kNone || notes_[static_cast<std::size_t>(head)].count == kFull)
    head = heads_[index] = new_notes(head);
  auto& notes = notes_[static_cast<std::size_t>(head)];
  notes.places[static_cast<std::size_t>(notes.count++)] = place;
  waiting_[index / 64] |= std::uint64_t{1} << (index % 64);
  lowest_ = std::min(lowest_, index / 64);
}

int LongWord::lowest_rank() {
  while (lowest_ < waiting_.size() && waiting_[lowest_] == 0) ++lowest_;
  if (lowest_ == waiting_.size()) return kNone;
  return static_cast<int>(lowest_ * 64) + std::countr_zero(waiting_[lowest_]);
}

/// Takes the places of a rank out of its list, in the order of the word.
void LongWord::collect(int rank) {
  const auto index = static_cast<std::size_t>(rank);
  batch_.clear();
  for (int i = heads_[index]; i != kNone;) {
    auto& notes = notes_[static_cast<std::size_t>(i)];
    batch_.insert(batch_.end(), notes.places.rend() - notes.count, notes.places.rend());
    const int next = std::exchange(notes.next, free_notes_);
    free_notes_ = std::exchange(i, next);
  }
  heads_[index] = kNone;
  waiting_[index / 64] &= ~(std::uint64_t{1} << (index % 64));
  std::reverse(batch_.begin(), batch_.end());
  if (!std::is_sorted(batch_.begin(), batch_.end())) std::sort(batch_.begin(), batch_.end());
}

/// Joins the places of a rank. A join's new pairs have the joined symbol in them, so they never
/// have the rank at work, and are looked at only when all its places are done.
void LongWord::join(const MergeTable& merges, int rank) {
  const int result = merges.results_[static_cast<std::size_t>(rank)];
  std::size_t joined = 0;
  for (const int place : batch_) {
    if (at(place).rank != rank) continue;  // changed since it was noted
    const int right = behind(place), end = behind(right);
    at(right).rank = kNone;
    at(place) = {result, kNone};
    at(place + 1).rank = ~(end - place);
    at(end - 1).symbol = ~place;
    // The pair before is another one now, even where it had the same rank.
    if (const int previous = before(place); previous != kNone) at(previous).rank = kNone;
    batch_[joined++] = place;
  }
  batch_.resize(joined);
  for (const int place : batch_) {
    // Where the symbol before is new as well, it looks this pair up itself.
    const int previous = before(place);
    if (previous != kNone && at(previous).symbol != result) look_up(merges, previous);
    look_up(merges, place);
  }
}

}  // namespace sumi
