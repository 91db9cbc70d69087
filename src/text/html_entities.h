#pragma once

#include <string>
#include <string_view>

namespace sumi {

/// The character(s) of an HTML 5 name such as "amp;" or, for the old ones, "amp"; empty when there
/// is none. Table: WHATWG HTML, "Named character references".
std::u32string_view html_entity(std::string_view name);

/// Character references replaced once from left to right as browsers do (and Python's
/// html.unescape): numbers with or without semicolon, Windows-1252 for 128–159, longest known name
/// otherwise.
std::u32string unescape_html(std::u32string text);

}  // namespace sumi
