#pragma once

#include <string>

namespace sumi {

/// Repairs text as CLIP's training data was repaired: the rules of ftfy 6.3 with its default
/// settings. Per line, until nothing changes: HTML entities (unless a '<' was seen), UTF-8 that was
/// read as one of ten single-byte encodings, C1 controls, Latin ligatures, full and half width
/// forms, curly quotes, line breaks, terminal escapes, control characters, normalisation form C. A
/// line is repaired at most 16 times over, which keeps the time linear.
std::u32string repair_text(std::u32string text);

}  // namespace sumi
