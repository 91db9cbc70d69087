#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "text/bpe.h"

namespace sumi {

/// Byte-pair encoding of parts of words, of any length, in linear time: the symbols where their
/// bytes were, and per rank the places where it may apply. Keeps its memory from part to part.
class LongWord {
 public:
  /// Appends the symbols that the part becomes, as MergeTable::apply does.
  void apply(const MergeTable& merges, MergeTable::Part part, std::vector<int>& out);

 private:
  static constexpr int kNone = -1;

  /// A byte of the word. At a symbol's first byte: the symbol, and the rank of it with the next
  /// symbol or kNone. At its second byte `rank` is ~(length), at its last one `symbol` is
  /// ~(place of the first).
  struct Slot {
    int symbol, rank;
  };
  /// Part of a rank's list of places, one cache line long: the list is walked, and jumps cost time.
  struct Notes {
    int count = 0, next = kNone;
    std::array<int, 14> places;
  };

  void start(const MergeTable& merges, MergeTable::Part part);
  void look_up(const MergeTable& merges, int place);
  void note(int place, int rank);
  int new_notes(int next);
  int lowest_rank();
  void collect(int rank);
  void join(const MergeTable& merges, int rank);

  Slot& at(int place) { return slots_[static_cast<std::size_t>(place)]; }
  int size() const { return static_cast<int>(slots_.size()); }
  int behind(int place);
  int before(int place);

  std::vector<Slot> slots_;
  std::vector<Notes> notes_;
  int free_notes_ = kNone;              // head of the list of those to use again
  std::vector<int> heads_;              // per rank, into notes_
  std::vector<std::uint64_t> waiting_;  // one bit per rank: has notes
  std::size_t lowest_ = 0;              // no word of waiting_ before this one has a bit
  std::vector<int> batch_;              // places of the rank at work
};

}  // namespace sumi
