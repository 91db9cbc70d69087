#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <unordered_map>

#include "core/error.h"
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
  table_.assign(std::bit_ceil(2 * merges.size() + 2), {kNoPair, 0, 0});
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto first = numbers.find(left), second = numbers.find(right);
    if (first == numbers.end() || second == numbers.end())
      throw Error(fmt::format("{}: merge {} joins \"{}\" and \"{}\", which no earlier merge makes",
                              origin, rank + 1, left, right),
                  "the file is damaged or its lines are out of order; fetch it again");
    const auto pair = pair_key(first->second, second->second);
    insert({pair, static_cast<int>(rank), add(left + right)});
  }
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

std::vector<int> MergeTable::apply(std::string_view word) const {
  static const auto position = [] {
    std::array<int, 256> out{};
    for (std::size_t i = 0; i < 256; ++i) out[byte_order()[i]] = static_cast<int>(i);
    return out;
  }();
  std::vector<int> symbols;
  symbols.reserve(word.size());
  for (const char byte : word) symbols.push_back(position[static_cast<unsigned char>(byte)]);
  if (!symbols.empty()) symbols.back() += 256;
  return symbols.size() <= 24 ? apply_short(std::move(symbols)) : apply_long(std::move(symbols));
}

/// Words as people write them: take the lowest rank, join all its places, repeat. The merge of each
/// neighbouring pair is kept, so that a join looks up only the pairs it changes.
std::vector<int> MergeTable::apply_short(std::vector<int> word) const {
  std::vector<const Merge*> pairs(word.size(), nullptr);  // of symbol i and i + 1
  for (std::size_t i = 0; i + 1 < word.size(); ++i) pairs[i] = find(word[i], word[i + 1]);
  for (;;) {
    const Merge* best = nullptr;
    for (const Merge* merge : pairs)
      if (merge && (!best || merge->rank < best->rank)) best = merge;
    if (!best) return word;
    std::size_t out = 0;
    for (std::size_t i = 0; i < word.size(); ++i, ++out) {
      const bool join = pairs[i] == best;
      word[out] = join ? best->result : word[i];
      if (join) ++i;
      const bool changed = join || (out > 0 && word[out - 1] == best->result);
      // A changed pair is looked up when its right symbol is known.
      pairs[out] = pairs[i];
      if (changed && out > 0) pairs[out - 1] = find(word[out - 1], word[out]);
    }
    word.resize(out);
    pairs.resize(out);
    pairs[out - 1] = nullptr;
  }
}

/// The same for words of any length: a linked list of symbols, and per rank the places where it may
/// apply. A join's new pairs have the joined symbol in them, so they never have the rank at work,
/// and are looked at only when all its places are done, as above.
std::vector<int> MergeTable::apply_long(std::vector<int> word) const {
  const int size = static_cast<int>(word.size());
  std::vector<int> next(word.size()), previous(word.size());
  for (int i = 0; i < size; ++i) {
    next[static_cast<std::size_t>(i)] = i + 1;
    previous[static_cast<std::size_t>(i)] = i - 1;
  }
  constexpr int kGone = -1;
  std::map<int, std::vector<int>> places;
  const auto at = [](auto& list, int i) -> int& { return list[static_cast<std::size_t>(i)]; };
  const auto note = [&](int i) {
    if (i < 0 || at(next, i) >= size) return;
    if (const Merge* merge = find(at(word, i), at(word, at(next, i))))
      places[merge->rank].push_back(i);
  };
  for (int i = 0; i < size; ++i) note(i);
  while (!places.empty()) {
    auto lowest = places.extract(places.begin());
    auto& list = lowest.mapped();
    if (!std::is_sorted(list.begin(), list.end())) std::sort(list.begin(), list.end());
    std::vector<int> joined;
    for (const int i : list) {
      if (at(word, i) == kGone || at(next, i) >= size) continue;
      const int right = at(next, i);
      const Merge* merge = find(at(word, i), at(word, right));
      if (!merge || merge->rank != lowest.key()) continue;
      at(word, i) = merge->result;
      at(word, right) = kGone;
      at(next, i) = at(next, right);
      if (at(next, i) < size) at(previous, at(next, i)) = i;
      joined.push_back(i);
    }
    for (const int i : joined) {
      if (at(word, i) == kGone) continue;
      note(at(previous, i));
      note(i);
    }
  }
  std::erase(word, kGone);
  return word;
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
