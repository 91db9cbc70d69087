#include "data/grounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/words.h"

namespace sumi {
namespace {

constexpr GroundColour kGrounds[] = {
    {"red", {214, 48, 49}, 1},      {"orange", {243, 146, 55}, 1},
    {"yellow", {250, 211, 72}, 1},  {"green", {72, 168, 86}, 1},
    {"teal", {32, 150, 150}, 1},    {"light blue", {140, 203, 242}, 1},
    {"blue", {46, 98, 210}, 1},     {"purple", {132, 76, 182}, 1},
    {"pink", {246, 156, 190}, 1},   {"brown", {134, 90, 58}, 1},
    {"gray", {142, 146, 152}, 1},   {"black", {24, 24, 28}, 1},
    {"white", {248, 248, 246}, 0.3}};

}  // namespace

std::span<const GroundColour> ground_colours() { return kGrounds; }

double colour_distance(const Rgb& a, const Rgb& b) {
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(sum);
}

const GroundColour& any_ground(Random& random) {
  double total = 0;
  for (const auto& ground : kGrounds) total += ground.weight;
  double at = random.between(0, total);
  for (const auto& ground : kGrounds)
    if ((at -= ground.weight) < 0) return ground;
  return kGrounds[0];
}

const GroundColour& ground_against(Random& random, std::span<const Rgb> colours) {
  constexpr double kClear = 90;
  const GroundColour* best = nullptr;
  double best_distance = -1;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto& ground = any_ground(random);
    double nearest = 1e9;
    for (const auto& colour : colours)
      nearest = std::min(nearest, colour_distance(ground.rgb, colour));
    if (nearest >= kClear) return ground;
    if (nearest > best_distance) best = &ground, best_distance = nearest;
  }
  return *best;
}

Rgb with_jitter(Random& random, Rgb colour) {
  const double brightness = random.between(-10, 10);
  for (auto& channel : colour)
    channel = static_cast<std::uint8_t>(
        std::clamp(channel + brightness + random.between(-4, 4), 0.0, 255.0));
  return colour;
}

std::string ground_words(Random& random, const std::string& colour) {
  static constexpr const char* kNouns[] = {"background", "background", "background", "background",
                                           "ground"};
  return fmt::format("on {} {} {}", article_for(colour), colour, random.pick(kNouns));
}

}  // namespace sumi
