#include "text/word_cache.h"

#include <cstring>
#include <functional>

namespace sumi {
namespace {

/// The bytes themselves of a word of up to eight; otherwise a hash.
std::uint64_t key_of(std::string_view word) {
  std::uint64_t key = 0;
  if (word.size() > sizeof key) return std::hash<std::string_view>()(word);
  std::memcpy(&key, word.data(), word.size());
  return key;
}

}  // namespace

std::size_t WordCache::find(std::uint64_t key, std::string_view word) const {
  // Fibonacci hashing: the high bits of the product are well mixed.
  std::size_t slot = (key * 0x9E3779B97F4A7C15ull) >> 24;
  for (;; ++slot) {
    slot &= entries_.size() - 1;
    const auto& entry = entries_[slot];
    if (entry.size == 0) return slot;
    if (entry.key != key || entry.size != word.size()) continue;
    if (word.size() <= sizeof key || std::string_view(entry.bytes, entry.size) == word) return slot;
  }
}

void WordCache::grow() {
  const auto before = std::move(entries_);
  entries_ = std::vector<Entry>(2 * before.size());
  for (const auto& entry : before)
    if (entry.size > 0) entries_[find(entry.key, {entry.bytes, entry.size})] = entry;
}

WordCache::Range& WordCache::operator[](std::string_view word) {
  if (2 * (used_ + 1) > entries_.size()) grow();
  const auto key = key_of(word);
  auto& entry = entries_[find(key, word)];
  if (entry.size == 0) {
    entry = {key, word.data(), static_cast<std::uint32_t>(word.size()), {}};
    ++used_;
  }
  return entry.range;
}

}  // namespace sumi
