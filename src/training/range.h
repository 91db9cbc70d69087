#pragma once

#include <cstdint>

namespace sumi {

/// Elements first to last - 1 of a flat buffer.
struct Range {
  std::int64_t first = 0, last = 0;
  std::int64_t size() const { return last - first; }
};

}  // namespace sumi
