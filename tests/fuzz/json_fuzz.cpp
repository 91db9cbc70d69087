#include "core/json.h"
#include "input.h"

/// What the guard lets through is written and read again without loss.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::answer([&] {
    const auto json = sumi::parse_json(sumi::as_text(data, size), "input", 8);
    const auto text = json.dump();
    sumi::require(sumi::parse_json(text, "output", 8).dump() == text);
  });
  return 0;
}
