#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace sumi {

/// RFC 4648, section 4: with padding, without line breaks.
std::string base64(std::span<const std::byte> bytes);

}  // namespace sumi
