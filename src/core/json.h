#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sumi {

using Json = nlohmann::ordered_json;

/// Parses JSON from outside (RFC 8259): nesting deeper than `max_depth` and duplicate keys are
/// refused, as is anything after the value. `origin` (a file name, say) starts the Error's text.
Json parse_json(std::string_view text, const std::string& origin, int max_depth = 64);

/// Reads and parses a whole file (at most 256 MiB). Throws Error naming the file.
Json read_json(const std::filesystem::path& file, int max_depth = 64);

}  // namespace sumi
