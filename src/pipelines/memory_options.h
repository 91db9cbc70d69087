#pragma once

#include <cstdint>
#include <string>

namespace sumi {

struct MemoryPlan;

/// What a run may take, and what comes after it.
struct MemoryOptions {
  /// Of the whole process, in bytes; 0: as much as is free.
  std::uint64_t budget_bytes = 0;
  /// Nothing is drawn with these models afterwards: each network gives up its memory as soon as it
  /// is done. They can still be used, but lay their weights out anew.
  bool last_use = false;
};

/// Reads "2G", "1500M", "800K" or plain bytes; units of 1024. Throws Error for anything else.
std::uint64_t parse_memory(const std::string& text);

}  // namespace sumi
