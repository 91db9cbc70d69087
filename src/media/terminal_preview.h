#pragma once

#include <string>

#include "media/image.h"

namespace sumi {

/// How a terminal shows pictures.
enum class TerminalGraphics { none, half_blocks, sixel, iterm2, kitty };

/// Chosen from $KITTY_WINDOW_ID, $TERM, $TERM_PROGRAM, $COLORTERM and friends; `none` when
/// `descriptor` is not a terminal or $TERM is "dumb". $SUMI_PREVIEW (none, blocks, sixel, iterm2,
/// kitty) overrules.
TerminalGraphics detect_terminal_graphics(int descriptor = 1);

/// The text that draws the picture `columns` characters wide, ending in a new line; empty for
/// `none`. The first form asks detect_terminal_graphics().
std::string terminal_preview(const Image& image, int columns);
std::string terminal_preview(const Image& image, int columns, TerminalGraphics kind);

}  // namespace sumi
