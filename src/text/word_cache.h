#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sumi {

/// Words and the range of a list that each has become: a hash table with linear probing. The words'
/// bytes stay where they are and must outlive it.
class WordCache {
 public:
  struct Range {
    std::uint32_t begin = 0, count = 0;
  };

  WordCache() : entries_(64) {}

  /// The range of a word that is not empty; an empty range to be filled in for a new one. Valid
  /// until the next call.
  Range& operator[](std::string_view word);

 private:
  /// A word of size 0: free.
  struct Entry {
    std::uint64_t key = 0;
    const char* bytes = nullptr;
    std::uint32_t size = 0;
    Range range;
  };

  std::size_t find(std::uint64_t key, std::string_view word) const;
  void grow();

  std::vector<Entry> entries_;  // a power of two, at most half full
  std::size_t used_ = 0;
};

}  // namespace sumi
