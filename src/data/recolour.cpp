#include "data/recolour.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace sumi {
namespace {

constexpr NamedHue kHues[] = {{"red", 0},    {"orange", 30}, {"yellow", 52},  {"green", 125},
                              {"teal", 178}, {"blue", 218},  {"purple", 275}, {"pink", 330}};
constexpr double kColourless = 0.18;  // saturation below which a pixel is gray
constexpr double kDark = 0.16;        // value below which it is black

std::uint8_t rounded(double value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
}

double around(double a, double b) {
  const double apart = std::fabs(a - b);
  return std::min(apart, 360 - apart);
}

std::array<std::uint8_t, 3> pixel_of(const Image& picture, std::size_t pixel) {
  return {picture.pixels[3 * pixel], picture.pixels[3 * pixel + 1], picture.pixels[3 * pixel + 2]};
}

bool is_hue(std::string_view word) {
  return std::any_of(std::begin(kHues), std::end(kHues),
                     [&](const NamedHue& hue) { return word == hue.name; });
}

}  // namespace

Hsv to_hsv(std::array<std::uint8_t, 3> rgb) {
  const auto [r, g, b] = std::array{rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0};
  const double most = std::max({r, g, b}), range = most - std::min({r, g, b});
  if (range == 0) return {0, 0, most};
  const double sixth = most == r   ? (g - b) / range
                       : most == g ? 2 + (b - r) / range
                                   : 4 + (r - g) / range;
  return {60 * (sixth < 0 ? sixth + 6 : sixth), range / most, most};
}

std::array<std::uint8_t, 3> to_rgb(Hsv colour) {
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + colour.hue / 60, 6);
    const double share = std::clamp(std::min(k, 4 - k), 0.0, 1.0);
    return rounded(255 * colour.value * (1 - colour.saturation * share));
  };
  return {channel(5), channel(3), channel(1)};
}

std::span<const NamedHue> named_hues() { return kHues; }

std::string_view colour_word(std::array<std::uint8_t, 3> rgb) {
  constexpr double kLight = 0.88, kBrown = 0.68;
  const Hsv colour = to_hsv(rgb);
  if (colour.value < kDark) return "black";
  if (colour.saturation < kColourless) return colour.value > kLight ? "white" : "gray";
  if (colour.hue > 10 && colour.hue < 46 && colour.value < kBrown) return "brown";
  return std::min_element(std::begin(kHues), std::end(kHues),
                          [&](const NamedHue& a, const NamedHue& b) {
                            return around(a.degrees, colour.hue) < around(b.degrees, colour.hue);
                          })
      ->name;
}

DominantColour dominant_colour(const Image& picture) {
  std::map<std::string_view, std::size_t> counts;
  const std::size_t pixels = picture.pixels.size() / 3;
  for (std::size_t i = 0; i < pixels; ++i)
    if (const auto word = colour_word(pixel_of(picture, i)); is_hue(word)) ++counts[word];
  DominantColour found;
  std::size_t most = 0;
  for (const auto& [word, count] : counts)
    if (count > most) found.word = word, most = count;
  if (pixels > 0) found.share = static_cast<double>(most) / static_cast<double>(pixels);
  return found;
}

Image recoloured(const Image& picture, double hue, std::string_view only, const Image* mask) {
  Image made = picture;
  for (std::size_t i = 0; i < picture.pixels.size() / 3; ++i) {
    const auto before = pixel_of(picture, i);
    if (!only.empty() && colour_word(before) != only) continue;
    Hsv colour = to_hsv(before);
    colour.hue = hue;
    const auto after = to_rgb(colour);
    const double share = mask ? mask->pixels[i] / 255.0 : 1;
    for (std::size_t c = 0; c < 3; ++c)
      made.pixels[3 * i + c] = rounded(before[c] + share * (after[c] - before[c]));
  }
  return made;
}

}  // namespace sumi
