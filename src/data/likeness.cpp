#include "data/likeness.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "data/near_pictures.h"
#include "data/portraits.h"
#include "data/split.h"
#include "data/sprites.h"
#include "data/tiles.h"
#include "media/colour.h"
#include "media/resize.h"

namespace sumi {
namespace {

constexpr int kLooked_px = 64;

/// A cut-out in the middle of a gray square, from which black and white ones both stand out.
Image on_gray(const Sprite& sprite, std::span<const std::uint8_t> pixels) {
  constexpr std::uint8_t kGray[] = {128, 128, 128};
  Image square = filled_image(kLooked_px, kLooked_px, kGray);
  const int left = (kLooked_px - sprite.width) / 2, top = (kLooked_px - sprite.height) / 2;
  for (int y = 0; y < sprite.height; ++y)
    for (int x = 0; x < sprite.width; ++x) {
      const auto* from = pixels.data() + (static_cast<std::ptrdiff_t>(y) * sprite.width + x) * 4;
      auto* to =
          square.pixels.data() + (static_cast<std::ptrdiff_t>(y + top) * kLooked_px + x + left) * 3;
      for (int c = 0; c < 3; ++c)
        to[c] = static_cast<std::uint8_t>(std::min(255, from[c] + to[c] * (255 - from[3]) / 255));
    }
  return square;
}

PictureMeasures measures_of(const Sprite& sprite) {
  std::vector<std::uint8_t> storage;
  const auto square = on_gray(sprite, unpacked_pixels(sprite, storage));
  PictureMeasures measures;
  measures.hash = perceptual_hash(to_gray(square));
  const auto colours = resize(square, 8, 8, Filter::box);
  std::copy(colours.pixels.begin(), colours.pixels.end(), measures.colours.begin());
  return measures;
}

Side side_of_row(const Row& row) {
  return row.split.empty() ? side_of(row.style, row.name) : side_named(row.split);
}

}  // namespace

void check(const LikenessConfig& config) {
  constexpr int kMostDistance = 12;
  const auto refuse = [](const char* field, auto value, const char* range) {
    throw Error(fmt::format("likeness.{}: {} is not in {}", field, value, range),
                "choose another number");
  };
  if (!(config.weight >= 0 && config.weight <= 1)) refuse("weight", config.weight, "0 to 1");
  if (config.distance < 0 || config.distance > kMostDistance)
    refuse("distance", config.distance, "0 to 12");
  if (!(config.colour >= 0 && config.colour <= 255)) refuse("colour", config.colour, "0 to 255");
}

std::vector<std::uint32_t> near_families(const std::vector<Row>& rows, const LikenessConfig& config,
                                         const std::filesystem::path& cache,
                                         const ProgressSink& sink) {
  std::vector<Row> looked_at;
  std::vector<std::uint32_t> places;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    if (!row.caption.empty() || is_portrait(row) || is_tile(row)) continue;
    looked_at.push_back(row);
    places.push_back(i);
  }
  const auto sprites = SpriteSet::open(looked_at, kLooked_px, cache, sink);
  std::vector<PictureMeasures> measures;
  std::vector<std::uint32_t> measured;  // places in `rows`
  for (std::size_t k = 0; k < places.size(); ++k) {
    if (sprites.at(k).width == 0) continue;
    measures.push_back(measures_of(sprites.at(k)));
    measured.push_back(places[k]);
  }
  std::vector<const PictureMeasures*> pointers;
  for (const auto& one : measures) pointers.push_back(&one);
  auto pairs = near_pictures(pointers, config.distance, config.colour);
  for (auto& pair : pairs) pair = {measured[pair.a], measured[pair.b]};
  return joined_groups(rows.size(), pairs);
}

void weigh_families(std::vector<Row>& rows, const std::vector<std::uint32_t>& families,
                    const LikenessConfig& config) {
  std::map<std::uint32_t, Side> sides;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto side = side_of_row(rows[i]);
    const auto [entry, fresh] = sides.emplace(families[i], side);
    entry->second = std::max(entry->second, side);
  }
  std::set<std::pair<std::uint32_t, std::string>> seen;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& row = rows[i];
    if (side_of_row(row) != sides[families[i]])
      row.weight = 0;
    else if (!seen.emplace(families[i], row.style).second)
      row.weight *= config.weight;
  }
}

}  // namespace sumi
