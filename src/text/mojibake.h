#pragma once

#include <string>
#include <string_view>

namespace sumi {

/// True where the text holds a character sequence that hardly any language writes, but that
/// UTF-8 read in a single-byte encoding gives ("Ã©", "â€œ"). The rules of ftfy 6.3's badness
/// heuristic.
bool looks_like_mojibake(std::u32string_view text);

/// Undoes such misreadings, also several on top of each other, as far as looks_like_mojibake finds
/// them.
std::u32string repair_encoding(std::u32string text);

/// C1 controls (U+0080–U+009F) as the Windows-1252 characters they were meant to be.
void replace_c1_controls(std::u32string& text);

}  // namespace sumi
