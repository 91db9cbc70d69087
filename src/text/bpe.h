#pragma once

#include <array>
#include <cstdint>
#include <memory>
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

/// The number of a byte's symbol in a MergeTable.
int symbol_of_byte(char byte, bool ends_word);

/// The bytes written with stand-ins; false when a character stands for no byte.
bool symbols_to_bytes(std::string_view symbols, std::string& bytes);

/// Marks a symbol that ends a word.
inline constexpr std::string_view kWordEnd = "</w>";

class LongWord;

/// The merges of a byte-pair encoding, ready to apply. Symbols are numbered 0–255 for bytes,
/// 256–511 for bytes that end a word, then the merges' results in order.
class MergeTable {
 public:
  /// `merges`: pairs of symbols in order of rank. Throws Error naming `origin` and the line of a
  /// pair made of symbols that neither are bytes nor come from an earlier merge.
  MergeTable(const std::vector<std::pair<std::string, std::string>>& merges,
             const std::string& origin);

  /// Room that long words need, kept from word to word. One thread at a time may use it.
  class Scratch {
   public:
    Scratch();
    ~Scratch();

   private:
    friend class MergeTable;
    std::unique_ptr<LongWord> long_word_;  // made for the first long word
  };

  /// Applies the merges to one word's bytes, lowest rank first, each from left to right, and
  /// appends the symbols to `out`. Linear time, for a word of any length.
  void apply(std::string_view word, Scratch& scratch, std::vector<int>& out) const;

  const std::vector<std::string>& symbols() const { return symbols_; }

 private:
  /// An entry of an open hash table with linear probing; `pair` is kNoPair where it is empty.
  struct Merge {
    std::uint64_t pair;
    int rank, result;
  };
  static constexpr std::uint64_t kNoPair = ~0ull;
  /// A piece of a word that no merge joins to the rest.
  struct Part {
    std::string_view bytes;
    bool ends_word;
  };
  const Merge* find(int left, int right) const;
  void insert(const Merge& merge);
  void note_join(int left, int right, int result);
  bool may_join(char left, char right) const;
  void apply_part(Part part, Scratch& scratch, std::vector<int>& out) const;
  void apply_short(Part part, std::vector<int>& out) const;
  friend class LongWord;

  std::vector<std::string> symbols_;
  std::vector<int> results_;                                   // by rank
  std::vector<std::pair<unsigned char, unsigned char>> ends_;  // first and last byte, by symbol
  std::vector<bool> joins_ = std::vector<bool>(1u << 16);      // two bytes that a merge joins
  std::vector<Merge> table_;                                   // a power of two, at most half full
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
