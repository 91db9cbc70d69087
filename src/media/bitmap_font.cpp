#include "media/bitmap_font.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "media/unicode.h"

namespace sumi {
namespace {

constexpr int glyph_columns = 5;
constexpr int glyph_rows = 9;  // seven above the line, two below
constexpr int advance = glyph_columns + 1;
constexpr int glyphs_in_a_row = 16;

// clang-format off
/// ASCII 32 to 126 as they look, sixteen beside each other; the last stands for everything else.
constexpr std::string_view glyphs[] = {
    //       !     "     #     $     %     &     '     (     )     *     +     ,     -     .     /
    "        #    # #   # #    #   ##     ##     #      #   #                                       ",
    "        #    # #   # #   #### ##  # #  #    #     #     #     #     #                         #",
    "        #    # #  ##### # #      #  # #     #    #       #  # # #   #                        # ",
    "        #          # #   ###    #    #           #       #   ###  #####       #####         #  ",
    "        #         #####   # #  #    # # #        #       #  # # #   #                      #   ",
    "                   # #  ####  #  ## #  #          #     #     #     #     #          ##   #    ",
    "        #          # #    #      ##  ## #          #   #                  #          ##        ",
    "                                                                         #                     ",
    "                                                                                               ",
    // 0     1     2     3     4     5     6     7     8     9     :     ;     <     =     >     ?
    " ###    #    ###  #####    #  #####   ##  #####  ###   ###                 #         #     ### ",
    "#   #  ##   #   #    #    ##  #      #        # #   # #   #  ##    ##     #           #   #   #",
    "#  ##   #       #   #    # #  ####  #        #  #   # #   #  ##    ##    #    #####    #      #",
    "# # #   #      #     #  #  #      # ####    #    ###   ####             #               #    # ",
    "##  #   #     #       # #####     # #   #  #    #   #     #  ##    ##    #    #####    #    #  ",
    "#   #   #    #    #   #    #  #   # #   #  #    #   #    #   ##     #     #           #        ",
    " ###   ###  #####  ###     #   ###   ###   #     ###   ##          #       #         #      #  ",
    "                                                                                               ",
    "                                                                                               ",
    // @     A     B     C     D     E     F     G     H     I     J     K     L     M     N     O
    " ###   ###  ####   ###  ###   ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ### ",
    "#   # #   # #   # #   # #  #  #     #     #   # #   #   #      #  #  #  #     ## ## #   # #   #",
    "# ### #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # ##  # #   #",
    "# # # #   # ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # # # # #   #",
    "# ### ##### #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #  ## #   #",
    "#     #   # #   # #   # #  #  #     #     #   # #   #   #   #  #  #  #  #     #   # #   # #   #",
    " ###  #   # ####   ###  ###   ##### #      #### #   #  ###   ##   #   # ##### #   # #   #  ### ",
    "                                                                                               ",
    "                                                                                               ",
    // P     Q     R     S     T     U     V     W     X     Y     Z     [     back  ]     ^     _
    "####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####  ###         ###    #        ",
    "#   # #   # #   # #       #   #   # #   # #   # #   # #   #     #  #    #        #   # #       ",
    "#   # #   # #   # #       #   #   # #   # #   #  # #  #   #    #   #     #       #  #   #      ",
    "####  #   # ####   ###    #   #   # #   # # # #   #    # #    #    #      #      #             ",
    "#     # # # # #       #   #   #   # #   # # # #  # #    #    #     #       #     #             ",
    "#     #  #  #  #      #   #   #   #  # #  # # # #   #   #   #      #        #    #             ",
    "#      ## # #   # ####    #    ###    #    # #  #   #   #   #####  ###         ###             ",
    "                                                                                          #####",
    "                                                                                               ",
    // `     a     b     c     d     e     f     g     h     i     j     k     l     m     n     o
    " #          #               #         ##        #       #      #  #      ##                    ",
    "  #         #               #        #  #       #                 #       #                    ",
    "   #   ###  # ##   ###   ## #  ###   #     #### # ##   ##     ##  #  #    #   ## #  # ##   ### ",
    "          # ##  # #     #  ## #   # ###   #   # ##  #   #      #  # #     #   # # # ##  # #   #",
    "       #### #   # #     #   # #####  #    #   # #   #   #      #  ##      #   # # # #   # #   #",
    "      #   # #   # #   # #   # #      #    #   # #   #   #      #  # #     #   #   # #   # #   #",
    "       #### ####   ###   ####  ###   #     #### #   #  ###     #  #  #   ###  #   # #   #  ### ",
    "                                              #             #  #                               ",
    "                                           ###               ##                                ",
    // p     q     r     s     t     u     v     w     x     y     z     {     |     }     ~     (else)
    "                         #                                           ##   #   ##          #####",
    "                         #                                          #     #     #         #   #",
    "####   #### # ##   ###  ###   #   # #   # #   # #   # #   # #####   #     #     #    #    #   #",
    "#   # #   # ##  # #      #    #   # #   # #   #  # #  #   #    #   #      #      #  # # # #   #",
    "#   # #   # #      ###   #    #   # #   # # # #   #   #   #   #     #     #     #      #  #   #",
    "#   # #   # #         #  #  # #  ##  # #  # # #  # #  #   #  #      #     #     #         #   #",
    "####   #### #     ####    ##   ## #   #    # #  #   #  #### #####    ##   #   ##          #####",
    "#         #                                               #                                    ",
    "#         #                                            ###                                     ",
};
// clang-format on

std::size_t glyph_of(char32_t point) { return point >= 32 && point < 127 ? point - 32 : 127 - 32; }

bool dot(std::size_t glyph, int x, int y) {
  if (x < 0 || y < 0 || x >= glyph_columns || y >= glyph_rows) return false;
  const std::size_t row = glyph / glyphs_in_a_row * glyph_rows + y;
  return glyphs[row][glyph % glyphs_in_a_row * advance + x] == '#';
}

/// Columns of a glyph that hold ink: letters stand one dot apart, whatever their widths.
struct Extent {
  int first = 0;
  int count = 0;
};

Extent extent_of(std::size_t glyph) {
  if (glyph == 0) return {0, 3};
  int first = glyph_columns, last = -1;
  for (int x = 0; x < glyph_columns; ++x)
    for (int y = 0; y < glyph_rows; ++y)
      if (dot(glyph, x, y)) {
        first = std::min(first, x);
        last = x;
      }
  return {first, last - first + 1};
}

/// How much ink covers the middle of pixel (x, y) when a dot is `scale` pixels wide. Larger type is
/// the dots' bilinear field cut at one half: edges stay sharp, diagonals and corners become smooth.
double coverage(std::size_t glyph, int x, int y, int scale) {
  if (scale == 1) return dot(glyph, x, y) ? 1 : 0;
  const double across = (x + 0.5) / scale - 0.5, down = (y + 0.5) / scale - 0.5;
  const int left = static_cast<int>(std::floor(across)), top = static_cast<int>(std::floor(down));
  const double right_part = across - left, lower_part = down - top;
  const double upper =
      dot(glyph, left, top) * (1 - right_part) + dot(glyph, left + 1, top) * right_part;
  const double lower =
      dot(glyph, left, top + 1) * (1 - right_part) + dot(glyph, left + 1, top + 1) * right_part;
  const double field = upper * (1 - lower_part) + lower * lower_part;
  return std::clamp((field - 0.5) * scale + 0.5, 0.0, 1.0);
}

void draw_glyph(Image& image, int left, int top, std::size_t glyph, const TextStyle& style) {
  const Extent extent = extent_of(glyph);
  for (int y = 0; y < glyph_rows * style.scale; ++y)
    for (int x = -style.scale / 2; x < extent.count * style.scale + style.scale / 2; ++x) {
      const double ink = coverage(glyph, x + extent.first * style.scale, y, style.scale);
      if (ink <= 0) continue;
      if (style.direction == TextDirection::across)
        blend_pixel(image, left + x, top + y, style.colour, ink);
      else
        blend_pixel(image, left + y, top - x, style.colour, ink);
    }
}

std::string encoded(std::u32string_view points) {
  std::string text;
  for (const char32_t point : points) put_utf8(text, point);
  return text;
}

int width_of(std::u32string_view points, int scale) {
  int width = 0;
  for (const char32_t point : points) width += (extent_of(glyph_of(point)).count + 1) * scale;
  return std::max(0, width - scale);
}

/// How many of the leading characters fit, at a space if there is one to break at.
std::size_t fitting_length(std::u32string_view points, int width_px, int scale) {
  std::size_t length = 0;
  while (length < points.size() && width_of(points.substr(0, length + 1), scale) <= width_px)
    ++length;
  if (length == points.size() || points[length] == U' ') return length;
  const std::size_t space = points.substr(0, length).rfind(U' ');
  if (space != std::u32string_view::npos && space > 0) return space;
  return std::max<std::size_t>(1, length);
}

std::u32string cut_with_dots(std::u32string_view points, int width_px, int scale) {
  constexpr std::u32string_view dots = U"...";
  std::size_t length = points.size();
  while (length > 0 &&
         width_of(points.substr(0, length), scale) + width_of(dots, scale) + scale > width_px)
    --length;
  while (length > 0 && points[length - 1] == U' ') --length;
  return std::u32string(points.substr(0, length)) + std::u32string(dots);
}

}  // namespace

void blend_pixel(Image& image, int x, int y, std::array<std::uint8_t, 3> colour, double amount) {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
  std::uint8_t* pixel = image.pixels.data() + (std::size_t(y) * image.width + x) * 3;
  for (int c = 0; c < 3; ++c)
    pixel[c] = static_cast<std::uint8_t>(std::lround(pixel[c] + (colour[c] - pixel[c]) * amount));
}

int text_width(std::string_view text, int scale) { return width_of(utf8_to_utf32(text), scale); }

int text_height(int scale) { return glyph_rows * scale; }

void draw_text(Image& image, int x, int y, std::string_view text, const TextStyle& style) {
  for (const char32_t point : utf8_to_utf32(text)) {
    const std::size_t glyph = glyph_of(point);
    draw_glyph(image, x, y, glyph, style);
    const int step = (extent_of(glyph).count + 1) * style.scale;
    (style.direction == TextDirection::across ? x : y) +=
        style.direction == TextDirection::across ? step : -step;
  }
}

std::vector<std::string> wrap_text(std::string_view text, int width_px, int lines, int scale) {
  std::u32string points = utf8_to_utf32(text.substr(0, 4096));
  for (char32_t& point : points)
    if (point < 32) point = U' ';
  std::vector<std::string> wrapped;
  std::u32string_view rest = points;
  const auto skip_spaces = [&] {
    rest.remove_prefix(std::min(rest.find_first_not_of(U' '), rest.size()));
  };
  for (skip_spaces(); !rest.empty() && static_cast<int>(wrapped.size()) < lines; skip_spaces()) {
    const std::size_t length = fitting_length(rest, width_px, scale);
    const bool last = static_cast<int>(wrapped.size()) + 1 == lines;
    const bool more = rest.find_first_not_of(U' ', length) != std::u32string_view::npos;
    if (last && more) {
      wrapped.push_back(encoded(cut_with_dots(rest, width_px, scale)));
      return wrapped;
    }
    wrapped.push_back(encoded(rest.substr(0, length)));
    rest.remove_prefix(length);
  }
  return wrapped;
}

}  // namespace sumi
