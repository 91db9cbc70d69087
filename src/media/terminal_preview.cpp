#include "media/terminal_preview.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "core/base64.h"
#include "core/error.h"
#include "media/colour.h"
#include "media/resize.h"

namespace sumi {
namespace {

constexpr int kitty_chunk = 4096;      // of base64, the protocol's limit
constexpr int pixels_per_column = 10;  // what a character cell measures where nobody tells

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

TerminalGraphics named_kind(std::string_view name) {
  constexpr std::pair<std::string_view, TerminalGraphics> names[] = {
      {"none", TerminalGraphics::none},   {"blocks", TerminalGraphics::half_blocks},
      {"sixel", TerminalGraphics::sixel}, {"iterm2", TerminalGraphics::iterm2},
      {"kitty", TerminalGraphics::kitty},
  };
  for (const auto& [known, kind] : names)
    if (known == name) return kind;
  throw Error(fmt::format("SUMI_PREVIEW is \"{}\"", name),
              "use none, blocks, sixel, iterm2 or kitty");
}

/// At most `width_px` wide, proportions kept, never enlarged.
Image narrowed(const Image& image, int width_px) {
  if (image.width <= width_px) return image;
  return resize(image, width_px, std::max(1, image.height * width_px / image.width),
                Filter::bicubic);
}

std::string kitty(const Image& image, int columns) {
  const std::string data =
      base64(encode_image(narrowed(image, columns * 2 * pixels_per_column), {}));
  std::string text;
  for (std::size_t at = 0; at < data.size(); at += kitty_chunk) {
    const bool more = at + kitty_chunk < data.size();
    const std::string head = at == 0 ? fmt::format("a=T,f=100,q=2,c={},", columns) : "";
    text += fmt::format("\x1b_G{}m={};{}\x1b\\", head, more ? 1 : 0, data.substr(at, kitty_chunk));
  }
  return text + "\n";
}

std::string iterm2(const Image& image, int columns) {
  const auto file = encode_image(narrowed(image, columns * 2 * pixels_per_column), {});
  return fmt::format("\x1b]1337;File=inline=1;size={};width={};preserveAspectRatio=1:{}\a\n",
                     file.size(), columns, base64(file));
}

/// Two pixels in a character: the upper half block in the upper colour on the lower one.
std::string half_blocks(const Image& image, int columns) {
  const int rows = std::max(1, (image.height * columns / std::max(1, image.width) + 1) / 2);
  const Image small = resize(flatten(image, {0, 0, 0}), columns, rows * 2, Filter::box);
  std::string text;
  for (int row = 0; row < rows; ++row) {
    for (int x = 0; x < columns; ++x) {
      const std::uint8_t* upper = small.pixels.data() + (std::size_t(row) * 2 * columns + x) * 3;
      const std::uint8_t* lower = upper + std::size_t(columns) * 3;
      text += fmt::format("\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m\u2580", upper[0], upper[1],
                          upper[2], lower[0], lower[1], lower[2]);
    }
    text += "\x1b[0m\n";
  }
  return text;
}

// Six steps of red, seven of green, six of blue: 252 of the 256 colours that sixel terminals have.
constexpr std::array<int, 3> sixel_steps = {6, 7, 6};

/// Colour indices after Floyd-Steinberg error diffusion.
std::vector<int> sixel_indices(const Image& rgb) {
  std::vector<float> values(rgb.pixels.begin(), rgb.pixels.end());
  std::vector<int> indices(std::size_t(rgb.width) * rgb.height);
  const auto spread = [&](int x, int y, int c, float error) {
    if (x >= 0 && x < rgb.width && y < rgb.height)
      values[(std::size_t(y) * rgb.width + x) * 3 + c] += error;
  };
  for (int y = 0; y < rgb.height; ++y)
    for (int x = 0; x < rgb.width; ++x) {
      int index = 0;
      for (int c = 0; c < 3; ++c) {
        const float value =
            std::clamp(values[(std::size_t(y) * rgb.width + x) * 3 + c], 0.0f, 255.0f);
        const int last = sixel_steps[c] - 1;
        const int step = static_cast<int>(value * last / 255 + 0.5f);
        const float error = value - 255.0f * step / last;
        spread(x + 1, y, c, error * 7 / 16);
        spread(x - 1, y + 1, c, error * 3 / 16);
        spread(x, y + 1, c, error * 5 / 16);
        spread(x + 1, y + 1, c, error * 1 / 16);
        index = index * sixel_steps[c] + step;
      }
      indices[std::size_t(y) * rgb.width + x] = index;
    }
  return indices;
}

std::string sixel_palette() {
  std::string text;
  const auto [reds, greens, blues] = sixel_steps;
  for (int i = 0; i < reds * greens * blues; ++i) {
    const int r = i / (greens * blues), g = i / blues % greens, b = i % blues;
    text += fmt::format("#{};2;{};{};{}", i, r * 100 / (reds - 1), g * 100 / (greens - 1),
                        b * 100 / (blues - 1));
  }
  return text;
}

void append_run(std::string& text, char bits, int length) {
  if (length > 3)
    text += fmt::format("!{}{}", length, bits);
  else
    text.append(static_cast<std::size_t>(length), bits);
}

/// One colour's dots in a band of six rows.
void append_band(std::string& text, const std::vector<int>& indices, int width, int top, int bottom,
                 int colour) {
  text += fmt::format("#{}", colour);
  char current = 0;
  int length = 0;
  for (int x = 0; x < width; ++x) {
    int bits = 0;
    for (int y = top; y < bottom; ++y)
      if (indices[std::size_t(y) * width + x] == colour) bits |= 1 << (y - top);
    const char letter = static_cast<char>('?' + bits);
    if (letter != current && length > 0) append_run(text, current, std::exchange(length, 0));
    current = letter;
    ++length;
  }
  append_run(text, current, length);
  text += '$';
}

std::string sixel(const Image& image, int columns) {
  const Image small = flatten(narrowed(image, columns * pixels_per_column), {0, 0, 0});
  const std::vector<int> indices = sixel_indices(small);
  std::string text = fmt::format("\x1bPq\"1;1;{};{}{}", small.width, small.height, sixel_palette());
  for (int top = 0; top < small.height; top += 6) {
    const int bottom = std::min(top + 6, small.height);
    std::vector<int> used(indices.begin() + std::ptrdiff_t(top) * small.width,
                          indices.begin() + std::ptrdiff_t(bottom) * small.width);
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    for (const int colour : used) append_band(text, indices, small.width, top, bottom, colour);
    text += '-';
  }
  return text + "\x1b\\\n";
}

}  // namespace

TerminalGraphics detect_terminal_graphics(int descriptor) {
  if (const auto chosen = environment("SUMI_PREVIEW"); !chosen.empty()) return named_kind(chosen);
  const auto term = environment("TERM"), program = environment("TERM_PROGRAM");
  if (!::isatty(descriptor) || term.empty() || term == "dumb") return TerminalGraphics::none;
  // Multiplexers swallow graphics meant for the terminal around them.
  const bool inside_multiplexer = !environment("TMUX").empty() || term.starts_with("screen");
  if (!inside_multiplexer) {
    if (!environment("KITTY_WINDOW_ID").empty() || contains(term, "kitty") ||
        contains(term, "ghostty"))
      return TerminalGraphics::kitty;
    if (program == "iTerm.app" || program == "WezTerm") return TerminalGraphics::iterm2;
    if (contains(term, "sixel") || term.starts_with("foot") || contains(term, "mlterm"))
      return TerminalGraphics::sixel;
  }
  const auto colours = environment("COLORTERM");
  const bool true_colour = colours == "truecolor" || colours == "24bit" || contains(term, "direct");
  return true_colour ? TerminalGraphics::half_blocks : TerminalGraphics::none;
}

std::string terminal_preview(const Image& image, int columns) {
  return terminal_preview(image, columns, detect_terminal_graphics());
}

std::string terminal_preview(const Image& image, int columns, TerminalGraphics kind) {
  if (columns < 1 || columns > 1000 || image.pixels.empty())
    throw Error(
        fmt::format("a preview of {}x{} pixels in {} columns", image.width, image.height, columns),
        "give a picture and 1 to 1000 columns");
  switch (kind) {
    case TerminalGraphics::kitty:
      return kitty(image, columns);
    case TerminalGraphics::iterm2:
      return iterm2(image, columns);
    case TerminalGraphics::sixel:
      return sixel(image, columns);
    case TerminalGraphics::half_blocks:
      return half_blocks(image, columns);
    case TerminalGraphics::none:
      break;
  }
  return "";
}

}  // namespace sumi
