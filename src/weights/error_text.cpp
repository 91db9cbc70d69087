#include "weights/error_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sumi {

std::string in_quotes(std::string_view name) {
  constexpr std::size_t kLongest = 120;
  std::string out = "\"";
  for (const char c : name.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F)
      out += fmt::format("\\x{:02x}", byte);
    else
      out.push_back(c);
  }
  return out + (name.size() > kLongest ? "…\"" : "\"");
}

std::string dimensions(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace sumi
