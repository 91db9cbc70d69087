#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sumi {

/// Records of comma-separated text (RFC 4180): quoted fields may hold commas, line ends and doubled
/// quotes; a byte order mark and empty lines are passed over. Throws Error naming `origin` and the
/// line for a quote that never ends or that something follows.
std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& origin);

/// One field, quoted where it has to be.
std::string csv_field(std::string_view text);

}  // namespace sumi
