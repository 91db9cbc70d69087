#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <unordered_map>

#include "core/error.h"
#include "text/bpe_long_word.h"
#include "text/unicode.h"

namespace sumi {
namespace {

bool printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

std::array<char32_t, 256> stand_ins() {
  std::array<char32_t, 256> points{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    points[static_cast<std::size_t>(byte)] = printable(byte) ? static_cast<char32_t>(byte) : next++;
  return points;
}

/// Longer words take the way that is linear.
constexpr std::size_t kShortWord = 48;
constexpr int kNoRank = std::numeric_limits<int>::max();

std::uint64_t pair_key(int left, int right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) |
         static_cast<std::uint32_t>(right);
}

/// Fibonacci hashing: the high bits of the product are well mixed.
std::size_t slot_of(std::uint64_t pair) {
  return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15ull) >> 24);
}

/// Long s matches s when case is ignored; every other lower-case letter matches itself alone.
bool same_letter(char32_t written, char expected) {
  return written == static_cast<char32_t>(expected) || (expected == 's' && written == U'\u017F');
}

bool matches(std::u32string_view text, std::size_t at, std::string_view expected) {
  if (text.size() - at < expected.size()) return false;
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!same_letter(text[at + i], expected[i])) return false;
  return true;
}

}  // namespace

const std::array<std::string, 256>& byte_symbols() {
  static const auto table = [] {
    std::array<std::string, 256> out;
    const auto points = stand_ins();
    for (std::size_t i = 0; i < 256; ++i) append_utf8(out[i], points[i]);
    return out;
  }();
  return table;
}

const std::array<unsigned char, 256>& byte_order() {
  static const auto table = [] {
    std::array<unsigned char, 256> out{};
    std::iota(out.begin(), out.end(), static_cast<unsigned char>(0));
    std::stable_partition(out.begin(), out.end(),
                          [](unsigned char byte) { return printable(byte); });
    return out;
  }();
  return table;
}

int symbol_of_byte(char byte, bool ends_word) {
  static const auto position = [] {
    std::array<int, 256> out{};
    for (std::size_t i = 0; i < 256; ++i) out[byte_order()[i]] = static_cast<int>(i);
    return out;
  }();
  return position[static_cast<unsigned char>(byte)] + (ends_word ? 256 : 0);
}

bool symbols_to_bytes(std::string_view symbols, std::string& bytes) {
  static const auto table = [] {
    std::map<char32_t, char> out;
    const auto points = stand_ins();
    for (std::size_t i = 0; i < 256; ++i) out[points[i]] = static_cast<char>(i);
    return out;
  }();
  std::string out;
  for (const char32_t point : decode_utf8(symbols, "vocabulary")) {
    const auto found = table.find(point);
    if (found == table.end()) return false;
    out.push_back(found->second);
  }
  bytes += out;
  return true;
}

MergeTable::MergeTable(const std::vector<std::pair<std::string, std::string>>& merges,
                       const std::string& origin) {
  std::unordered_map<std::string, int> numbers;
  numbers.reserve(512 + merges.size());
  const auto add = [&](std::string symbol) {
    const auto [found, is_new] = numbers.emplace(symbol, static_cast<int>(symbols_.size()));
    if (is_new) symbols_.push_back(std::move(symbol));
    return found->second;
  };
  for (const unsigned char byte : byte_order()) add(byte_symbols()[byte]);
  for (const unsigned char byte : byte_order()) add(byte_symbols()[byte] + std::string(kWordEnd));
  for (int i = 0; i < 512; ++i) {
    const unsigned char byte = byte_order()[static_cast<std::size_t>(i % 256)];
    ends_.emplace_back(byte, byte);
  }
  table_.assign(std::bit_ceil(2 * merges.size() + 2), {kNoPair, 0, 0});
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto first = numbers.find(left), second = numbers.find(right);
    if (first == numbers.end() || second == numbers.end())
      throw Error(fmt::format("{}: merge {} joins \"{}\" and \"{}\", which no earlier merge makes",
                              origin, rank + 1, left, right),
                  "the file is damaged or its lines are out of order; fetch it again");
    const auto pair = pair_key(first->second, second->second);
    results_.push_back(add(left + right));
    note_join(first->second, second->second, results_.back());
    insert({pair, static_cast<int>(rank), results_.back()});
  }
}

/// Keeps which bytes meet where two symbols are joined.
void MergeTable::note_join(int left, int right, int result) {
  const auto ends = [&](int symbol) { return ends_[static_cast<std::size_t>(symbol)]; };
  joins_[ends(left).second * 256u + ends(right).first] = true;
  const std::pair joined(ends(left).first, ends(right).second);
  if (static_cast<std::size_t>(result) == ends_.size()) ends_.push_back(joined);
  // A symbol of two origins (a text may end with "</w>" itself): no word is cut.
  if (ends(result) != joined) joins_.assign(joins_.size(), true);
}

bool MergeTable::may_join(char left, char right) const {
  return joins_[static_cast<unsigned char>(left) * 256u + static_cast<unsigned char>(right)];
}

/// The first of two equal pairs counts.
void MergeTable::insert(const Merge& merge) {
  std::size_t slot = slot_of(merge.pair) & (table_.size() - 1);
  while (table_[slot].pair != kNoPair && table_[slot].pair != merge.pair)
    slot = (slot + 1) & (table_.size() - 1);
  if (table_[slot].pair == kNoPair) table_[slot] = merge;
}

const MergeTable::Merge* MergeTable::find(int left, int right) const {
  const auto pair = pair_key(left, right);
  std::size_t slot = slot_of(pair) & (table_.size() - 1);
  while (table_[slot].pair != kNoPair) {
    if (table_[slot].pair == pair) return &table_[slot];
    slot = (slot + 1) & (table_.size() - 1);
  }
  return nullptr;
}

MergeTable::Scratch::Scratch() = default;
MergeTable::Scratch::~Scratch() = default;

/// Where no merge joins two bytes, what stands before and behind does not depend on each other.
void MergeTable::apply(std::string_view word, Scratch& scratch, std::vector<int>& out) const {
  std::size_t begin = 0;
  for (std::size_t i = 1; i < word.size(); ++i) {
    if (may_join(word[i - 1], word[i])) continue;
    apply_part({word.substr(begin, i - begin), false}, scratch, out);
    begin = i;
  }
  apply_part({word.substr(begin), true}, scratch, out);
}

void MergeTable::apply_part(Part part, Scratch& scratch, std::vector<int>& out) const {
  if (part.bytes.size() <= kShortWord) return apply_short(part, out);
  if (!scratch.long_word_) scratch.long_word_ = std::make_unique<LongWord>();
  scratch.long_word_->apply(*this, part, out);
}

/// Words as people write them: take the lowest rank, join all its places, repeat. The rank of each
/// neighbouring pair is kept, so that a join looks up only the pairs it changes.
void MergeTable::apply_short(Part part, std::vector<int>& out) const {
  std::array<int, kShortWord> symbols, ranks;  // ranks[i]: of symbols i and i + 1
  std::size_t size = part.bytes.size();
  if (size == 0) return;
  for (std::size_t i = 0; i < size; ++i)
    symbols[i] = symbol_of_byte(part.bytes[i], part.ends_word && i + 1 == size);
  const auto rank_at = [&](std::size_t i) {
    const Merge* merge = find(symbols[i], symbols[i + 1]);
    return merge ? merge->rank : kNoRank;
  };
  for (std::size_t i = 0; i + 1 < size; ++i) ranks[i] = rank_at(i);
  for (;;) {
    int best = kNoRank;
    for (std::size_t i = 0; i + 1 < size; ++i) best = std::min(best, ranks[i]);
    if (best == kNoRank) break;
    const int result = results_[static_cast<std::size_t>(best)];
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size; ++i, ++kept) {
      const bool join = i + 1 < size && ranks[i] == best;
      symbols[kept] = join ? result : symbols[i];
      if (join) ++i;
      // A changed pair is looked up when its right symbol is known.
      if (i + 1 < size) ranks[kept] = ranks[i];
      if (kept > 0 && (join || symbols[kept - 1] == result)) ranks[kept - 1] = rank_at(kept - 1);
    }
    size = kept;
  }
  out.insert(out.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(size));
}

bool starts_word(char32_t point) { return !is_white_space(point); }

std::size_t word_end(std::u32string_view text, std::size_t begin) {
  const bool may_be_fixed = text[begin] == U'<' || text[begin] == U'\'';
  for (const std::string_view fixed :
       {"<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (may_be_fixed && matches(text, begin, fixed)) return begin + fixed.size();
  const auto kind = kind_of(text[begin]);
  std::size_t end = begin + 1;
  if (kind == CharacterKind::number) return end;
  while (end < text.size() && kind_of(text[end]) == kind) ++end;
  return end;
}

}  // namespace sumi
