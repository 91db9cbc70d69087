#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "data/manifest.h"

namespace sumi {

/// A picture of a person made for this, where what it shows is no thing among others.
inline bool is_portrait(const Row& row) { return row.group == "portrait"; }

/// The script that node runs once, in a folder with @dicebear/core and @dicebear/collection: it
/// writes an SVG for each portrait and portraits.jsonl with style, attributes, licence and author.
std::string_view portrait_script();

/// What a portrait shows, from its attributes: "person with short brown hair, glasses and a beard".
/// Attributes that have no words are left out.
std::string portrait_name(std::string_view style, const Json& attributes);

/// The rows of a folder that the script filled. Sides of the split go by what is shown, as all
/// portraits are of a person. Throws Error when the list is damaged.
std::vector<Row> portrait_rows(const Source& source, const std::filesystem::path& folder);

}  // namespace sumi
