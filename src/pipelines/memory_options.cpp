#include "pipelines/memory_options.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "core/error.h"

namespace sumi {
namespace {

constexpr double kMost = 1e15;

/// Bytes of a unit's letter; 0 for another.
double unit_bytes(char letter) {
  switch (letter) {
    case 'K':
    case 'k':
      return 1 << 10;
    case 'M':
    case 'm':
      return 1 << 20;
    case 'G':
    case 'g':
      return 1 << 30;
    default:
      return 0;
  }
}

}  // namespace

std::uint64_t parse_memory(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  const double unit = rest == end ? 1 : rest + 1 == end ? unit_bytes(*rest) : 0;
  const double bytes = number * unit;
  if (problem != std::errc() || !std::isfinite(bytes) || bytes < 1 || bytes > kMost)
    throw Error(fmt::format("\"{}\" is no amount of memory", text),
                "write it like 2G, 1.5G or 1500M");
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace sumi
