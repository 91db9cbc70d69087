#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sumi {

/// CLIP's printable stand-ins for the 256 bytes, as UTF-8, indexed by byte: printable Latin-1
/// characters stand for themselves, the others are U+0100 and up (GPT-2's table).
const std::array<std::string, 256>& byte_symbols();

/// The bytes in the order in which the vocabulary lists them.
const std::array<unsigned char, 256>& byte_order();

/// The bytes written with stand-ins; false when a character stands for no byte.
bool symbols_to_bytes(std::string_view symbols, std::string& bytes);

/// Marks a symbol that ends a word.
inline constexpr std::string_view kWordEnd = "</w>";

/// The merges of a byte-pair encoding, ready to apply. Symbols are numbered 0–255 for bytes,
/// 256–511 for bytes that end a word, then the merges' results in order.
class MergeTable {
 public:
  /// `merges`: pairs of symbols in order of rank. Throws Error naming `origin` and the line of a
  /// pair made of symbols that neither are bytes nor come from an earlier merge.
  MergeTable(const std::vector<std::pair<std::string, std::string>>& merges,
             const std::string& origin);

  /// Applies the merges to one word's bytes, lowest rank first, each from left to right.
  /// Time n log n at worst, for a word of any length.
  std::vector<int> apply(std::string_view word) const;

  const std::vector<std::string>& symbols() const { return symbols_; }

 private:
  /// An entry of an open hash table with linear probing; `pair` is kNoPair where it is empty.
  struct Merge {
    std::uint64_t pair;
    int rank, result;
  };
  static constexpr std::uint64_t kNoPair = ~0ull;
  const Merge* find(int left, int right) const;
  void insert(const Merge& merge);
  std::vector<int> apply_short(std::vector<int> word) const;
  std::vector<int> apply_long(std::vector<int> word) const;

  std::vector<std::string> symbols_;
  std::vector<Merge> table_;  // a power of two, at most half full
};

/// Splits cleaned, lower-case text into CLIP's words: special tokens, English contractions, runs of
/// letters, single numbers, runs of anything else. Calls `visit(begin, end)` with offsets.
template <class Visit>
void for_each_word(std::u32string_view text, Visit&& visit);

/// The end of the word that starts at `begin`, which is not white space.
std::size_t word_end(std::u32string_view text, std::size_t begin);

bool starts_word(char32_t point);

template <class Visit>
void for_each_word(std::u32string_view text, Visit&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    if (!starts_word(text[at])) {
      ++at;
      continue;
    }
    const std::size_t end = word_end(text, at);
    visit(at, end);
    at = end;
  }
}

}  // namespace sumi
