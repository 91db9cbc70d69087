#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "media/image.h"

namespace sumi {

enum class TextDirection { across, upward };

struct TextStyle {
  std::array<std::uint8_t, 3> colour = {0, 0, 0};
  int scale = 1;  ///< pixels per dot of the font, which is 9 dots high
  TextDirection direction = TextDirection::across;
};

/// Width and height in pixels. Characters beyond ASCII are drawn as an empty box.
int text_width(std::string_view text, int scale);
int text_height(int scale);

/// Draws UTF-8 text into an RGB picture; (x, y) is its top left corner, for upward text its bottom
/// left one. What lies outside the picture is cut.
void draw_text(Image& image, int x, int y, std::string_view text, const TextStyle& style);

/// Breaks text at spaces into at most `lines` lines of `width_px`; what does not fit ends in "...".
std::vector<std::string> wrap_text(std::string_view text, int width_px, int lines, int scale);

/// Moves one RGB pixel towards a colour by `amount` from 0 to 1; outside the picture nothing
/// happens.
void blend_pixel(Image& image, int x, int y, std::array<std::uint8_t, 3> colour, double amount);

}  // namespace sumi
