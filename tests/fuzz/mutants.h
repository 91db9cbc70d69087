#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"

namespace sumi {

/// Damages files, the same way for the same seed.
class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return bound ? random_() % bound : 0; }

  /// One to four changes: bytes, whole numbers at interesting values, cuts, repeats, pieces of
  /// another file.
  std::string mutate(std::string file, const std::string& other) {
    for (std::size_t left = 1 + below(4); left > 0; --left) change(file, other);
    return file;
  }

 private:
  void change(std::string& file, const std::string& other) {
    static constexpr std::uint64_t kInteresting[] = {0,
                                                     1,
                                                     7,
                                                     8,
                                                     127,
                                                     128,
                                                     255,
                                                     256,
                                                     4096,
                                                     0x7FFF,
                                                     0xFFFF,
                                                     0x7FFFFFFF,
                                                     0x80000000,
                                                     0xFFFFFFFF,
                                                     100'000'000,
                                                     0x7FFFFFFFFFFFFFFF,
                                                     0x8000000000000000,
                                                     ~0ull};
    const std::size_t at = below(file.size());
    switch (below(7)) {
      case 0:
        if (!file.empty()) file[at] = static_cast<char>(random_());
        break;
      case 1:
        if (!file.empty()) file[at] ^= static_cast<char>(1 << below(8));
        break;
      case 2: {
        const std::string number = little_endian(kInteresting[below(std::size(kInteresting))])
                                       .substr(0, std::size_t{1} << below(4));
        file.replace(at, number.size(), number);
        break;
      }
      case 3:
        file.erase(at, 1 + below(8));
        break;
      case 4:
        file.insert(at, file.substr(below(file.size() + 1), 1 + below(32)));
        break;
      case 5:
        file.insert(at, other.substr(below(other.size() + 1), 1 + below(32)));
        break;
      case 6:
        change_decimal(file, at);
        break;
    }
  }

  /// Text numbers matter in headers: puts another one in the place of the next digits.
  void change_decimal(std::string& file, std::size_t at) {
    static constexpr const char* kNumbers[] = {
        "0", "1", "9", "18446744073709551616", "9223372036854775807", "4294967296", "-1", "1e9"};
    const auto start = file.find_first_of("0123456789", at);
    if (start == std::string::npos) return;
    const auto end = std::min(file.find_first_not_of("0123456789", start), file.size());
    file.replace(start, end - start, kNumbers[below(std::size(kNumbers))]);
  }

  static std::string little_endian(std::uint64_t value) {
    std::string bytes;
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  }

  std::mt19937 random_;
};

struct Tally {
  int accepted = 0, refused = 0;
  double slowest_ms = 0;
};

/// Reads `count` mutants of the seeds, the same in every run.
template <class Read>
Tally read_mutants(const std::vector<std::string>& seeds, int count, unsigned seed, Read&& read) {
  Mutator mutator(seed);
  Tally tally;
  for (int i = 0; i < count; ++i) {
    const std::string& start = seeds[mutator.below(seeds.size())];
    const std::string file = mutator.mutate(start, seeds[mutator.below(seeds.size())]);
    const auto begin = std::chrono::steady_clock::now();
    try {
      read(file);
      ++tally.accepted;
    } catch (const Error& error) {
      EXPECT_FALSE(std::string(error.what()).empty());
      ++tally.refused;
    }
    const std::chrono::duration<double, std::milli> spent =
        std::chrono::steady_clock::now() - begin;
    tally.slowest_ms = std::max(tally.slowest_ms, spent.count());
  }
  EXPECT_LT(tally.slowest_ms, 1000);
  return tally;
}

/// The same where `check` tells by true or false whether a file was accepted; the seeds must be.
template <class Check>
Tally check_mutants(const std::vector<std::string>& seeds, int count, unsigned seed,
                    Check&& check) {
  for (const auto& whole : seeds) EXPECT_TRUE(check(whole));
  return read_mutants(seeds, count, seed, [&](const std::string& mutant) {
    if (!check(mutant)) throw Error("refused", "");
  });
}

/// Mutants must reach both ends, or the mutator tests nothing.
inline void expect_both_ends(const Tally& tally) {
  const int count = tally.accepted + tally.refused;
  EXPECT_GT(tally.accepted, count / 200);
  EXPECT_GT(tally.refused, count / 200);
}

}  // namespace sumi
