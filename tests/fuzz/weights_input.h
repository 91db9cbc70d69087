#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/error.h"
#include "weights/weight_file.h"

namespace sumi {

/// Runs a reader over one input: an Error is an answer, everything else is a finding. Every byte of
/// every tensor is read.
template <class Read>
void answer(Read&& read) {
  try {
    const WeightFile file = read();
    volatile unsigned sum = 0;
    for (const auto& [name, view] : file.tensors)
      for (const std::byte byte : view.bytes) sum = sum + static_cast<unsigned>(byte);
  } catch (const Error&) {
  }
}

inline std::span<const std::byte> as_input(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

}  // namespace sumi
