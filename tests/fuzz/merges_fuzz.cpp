// A table of merges from outside: lines "left right", and behind an empty line a word, to which
// they are applied and compared with the plain definition.

#include <algorithm>
#include <vector>

#include "input.h"
#include "text/bpe.h"

namespace {

using Merges = std::vector<std::pair<std::string, std::string>>;

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Merges take_merges(std::string_view& text) {
  Merges merges;
  for (auto line = take_line(text); !line.empty() && merges.size() < 64; line = take_line(text))
    if (const auto space = line.find(' '); space != line.npos)
      merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  return merges;
}

/// Lowest rank first, all its places from left to right.
std::vector<std::string> merge_slowly(const Merges& merges, std::string_view word) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.push_back(sumi::byte_symbols()[static_cast<unsigned char>(c)]);
  if (!symbols.empty()) symbols.back() += sumi::kWordEnd;
  for (;;) {
    auto best = merges.end();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
      best = std::min(
          best, std::find(merges.begin(), merges.end(), std::pair(symbols[i], symbols[i + 1])));
    if (best == merges.end()) return symbols;
    std::vector<std::string> next;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const bool join = i + 1 < symbols.size() && std::pair(symbols[i], symbols[i + 1]) == *best;
      next.push_back(join ? symbols[i] + symbols[i + 1] : symbols[i]);
      if (join) ++i;
    }
    symbols = std::move(next);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = sumi::as_text(data, size);
  const auto merges = take_merges(text);
  const auto word = text.substr(0, 300);
  sumi::answer([&] {
    const sumi::MergeTable table(merges, "input");
    sumi::MergeTable::Scratch scratch;
    std::vector<int> ids;
    table.apply(word, scratch, ids);
    std::vector<std::string> symbols;
    for (const int id : ids) symbols.push_back(table.symbols()[static_cast<std::size_t>(id)]);
    sumi::require(symbols == merge_slowly(merges, word));
  });
  return 0;
}
