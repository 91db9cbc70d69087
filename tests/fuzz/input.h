#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/error.h"

namespace sumi {

inline std::span<const std::byte> as_input(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Runs a parser: an Error is an answer, everything else is a finding. False for an Error.
template <class Parse>
bool answer(Parse&& parse) {
  try {
    parse();
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// What must hold whatever the input: a finding otherwise.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace sumi
