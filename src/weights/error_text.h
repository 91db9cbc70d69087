#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sumi {

/// A name from a file as it may stand in an error: in quotes, control bytes shown as \xNN, cut
/// after 120 bytes.
std::string in_quotes(std::string_view name);

/// "[1, 4, 64, 64]".
std::string dimensions(std::span<const std::int64_t> shape);

}  // namespace sumi
