#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sumi {

/// A small generator whose sequence is fixed by its key: the same on every machine and library, as
/// std's distributions are not. SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  /// One stream per (seed, space, index).
  Random(std::uint64_t seed, std::uint64_t space, std::uint64_t index)
      : state_(mixed(mixed(mixed(seed) ^ space) ^ index)) {}

  std::uint64_t bits() { return mixed(state_ += 0x9e3779b97f4a7c15u); }
  /// In [0, 1).
  double real() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  double between(double low, double high) { return low + (high - low) * real(); }
  bool chance(double probability) { return real() < probability; }
  std::size_t below(std::size_t count) {
    return static_cast<std::size_t>(real() * static_cast<double>(count));
  }

  template <class List>
  const auto& pick(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  static std::uint64_t mixed(std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
  }

  std::uint64_t state_;
};

}  // namespace sumi
