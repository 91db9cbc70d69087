#include "data/compose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "data/words.h"

namespace sumi {
namespace {

/// Where one thing can stand: a direction from the middle and the words for it.
struct Place {
  double x, y;
  const char* words;
};
constexpr Place kPlaces[] = {{-1, 0, "on the left"},
                             {1, 0, "on the right"},
                             {0, -1, "at the top"},
                             {0, 1, "at the bottom"},
                             {-1, -1, "in the top left corner"},
                             {1, -1, "in the top right corner"},
                             {-1, 1, "in the bottom left corner"},
                             {1, 1, "in the bottom right corner"}};

/// How two things stand to each other: where the second is, seen from the first.
constexpr Place kRelations[] = {{1, 0, "to the left of"}, {-1, 0, "to the right of"},
                                {0, 1, "above"},          {0, -1, "below"},
                                {1, 0, "next to"},        {-1, 0, "next to"}};

const char* any_size_word(Random& random, bool small) {
  static constexpr const char* kSmall[] = {"small", "small", "tiny", "little"};
  static constexpr const char* kLarge[] = {"large", "large", "big", "huge"};
  return small ? random.pick(kSmall) : random.pick(kLarge);
}

std::string some_tags(Random& random, const Row& row) {
  std::string result;
  if (row.tags.empty()) return result;
  const auto start = random.below(row.tags.size());
  const auto count = std::min<std::size_t>(1 + random.below(3), row.tags.size());
  for (std::size_t i = 0; i < count; ++i) result += ", " + row.tags[(start + i) % row.tags.size()];
  return result;
}

/// "a small red apple", "small grapes".
std::string described(std::string_view size, const std::string& name) {
  if (size.empty()) return with_article(name);
  const auto words = fmt::format("{} {}", size, name);
  return takes_no_article(name) ? words : article_for(words) + " " + words;
}

std::string joined(const std::string& first, const std::string& second) {
  return first.empty() ? second : second.empty() ? first : first + " " + second;
}

/// Half the extent of a placed sprite along each axis, as fractions of the picture's side.
std::pair<double, double> half_extent(const Placed& placed) {
  const double longer = std::max(placed.sprite->width, placed.sprite->height);
  return {placed.size * placed.sprite->width / longer / 2,
          placed.size * placed.sprite->height / longer / 2};
}

/// Where a placed sprite lies once it is mirrored.
Footing footing_of(const Placed& placed) {
  const auto [half_width, half_height] = half_extent(placed);
  const double centre_x = placed.flipped ? 1 - placed.centre_x : placed.centre_x;
  return {centre_x - half_width, placed.centre_y - half_height, 2 * half_width, 2 * half_height,
          placed.flipped};
}

/// Sums of a sprite's columns or rows weighted by how much of each lies in each target pixel.
struct Coverage {
  int first = 0;
  std::vector<float> weights;  ///< sum to 1 inside, to less at the sprite's border
};

/// Target pixel `i` covers [(i - offset) * scale, (i + 1 - offset) * scale) of the source's
/// `length`.
std::vector<Coverage> coverages(int target, double offset, double scale, int length) {
  std::vector<Coverage> result(static_cast<std::size_t>(target));
  for (int i = 0; i < target; ++i) {
    const double from = std::max(0.0, (i - offset) * scale);
    const double to = std::min(static_cast<double>(length), (i + 1 - offset) * scale);
    if (to <= from) continue;
    auto& coverage = result[static_cast<std::size_t>(i)];
    coverage.first = static_cast<int>(from);
    for (int j = coverage.first; j < length && j < to; ++j)
      coverage.weights.push_back(static_cast<float>(
          (std::min(to, j + 1.0) - std::max(from, static_cast<double>(j))) / scale));
  }
  return result;
}

/// Blends a sprite over RGB floats (0 to 255).
void blend(std::vector<float>& canvas, int size_px, const Placed& placed,
           std::span<const std::uint8_t> pixels) {
  const auto& sprite = *placed.sprite;
  const double scale = std::max(sprite.width, sprite.height) / (placed.size * size_px);
  const auto [half_width, half_height] = half_extent(placed);
  const auto columns =
      coverages(size_px, (placed.centre_x - half_width) * size_px, scale, sprite.width);
  const auto rows =
      coverages(size_px, (placed.centre_y - half_height) * size_px, scale, sprite.height);

  const auto width = static_cast<std::size_t>(sprite.width),
             side = static_cast<std::size_t>(size_px);
  std::vector<float> line(width * 4);
  for (std::size_t y = 0; y < side; ++y) {
    if (rows[y].weights.empty()) continue;
    std::fill(line.begin(), line.end(), 0.0f);
    for (std::size_t j = 0; j < rows[y].weights.size(); ++j) {
      const auto* source =
          pixels.data() + (static_cast<std::size_t>(rows[y].first) + j) * width * 4;
      const float weight = rows[y].weights[j];
      for (std::size_t k = 0; k < width * 4; ++k) line[k] += weight * static_cast<float>(source[k]);
    }
    for (std::size_t x = 0; x < side; ++x) {
      const auto& column = columns[placed.flipped ? side - 1 - x : x];
      if (column.weights.empty()) continue;
      float sum[4] = {0, 0, 0, 0};
      const auto* source = line.data() + static_cast<std::size_t>(column.first) * 4;
      for (const float weight : column.weights)
        for (int channel = 0; channel < 4; ++channel) sum[channel] += weight * *source++;
      auto* out = canvas.data() + (y * side + x) * 3;
      const float through = 1 - sum[3] / 255;
      for (int channel = 0; channel < 3; ++channel)
        out[channel] = out[channel] * through + sum[channel];
    }
  }
}

/// A ground against which the scene's things stand out.
const GroundColour& ground_for(Random& random, const Scene& scene) {
  std::vector<Rgb> colours;
  for (const auto& placed : scene.things) colours.push_back(placed.sprite->mean_colour);
  return ground_against(random, colours);
}

/// Makes the plain ground a pattern of two colours now and then; returns the words for either.
std::string dressed_ground(Random& random, Scene& scene, const GroundColour& ground,
                           const SceneOptions& options) {
  if (options.patterned > 0 && random.chance(options.patterned)) {
    const auto& second = ground_for(random, scene);
    if (&second != &ground) {
      scene.pattern =
          drawn_pattern(random, any_pattern(random), scene.ground, with_jitter(random, second.rgb));
      return ground_words(random, pattern_words(*scene.pattern, ground.name, second.name));
    }
  }
  return ground_words(random, ground.name);
}

}  // namespace

std::string put_on_ground(Random& random, Scene& scene, const SceneOptions& options) {
  const auto& ground = ground_for(random, scene);
  scene.ground = with_jitter(random, ground.rgb);
  return dressed_ground(random, scene, ground, options);
}

std::string styled_caption(Random& random, const std::string& style, const std::string& thing,
                           const std::string& where, const SceneOptions& options) {
  const auto body = where.empty() ? thing : thing + " " + where;
  if (style.empty() || random.chance(options.style_unsaid)) return body;
  if (random.chance(options.style_last)) return fmt::format("{}, {}", body, style);
  const bool with_a = random.chance(0.25);
  return fmt::format("{}{} of {}", with_a ? article_for(style) + " " : "", style, body);
}

Scene single_scene(Random& random, const Thing& thing, const SceneOptions& options) {
  constexpr double kMargin = 0.03;
  Scene scene;
  Placed placed{.sprite = thing.sprite};
  placed.flipped = random.chance(options.flips);

  const double kind = random.real();
  const bool small = kind < options.small, large = !small && kind < options.small + options.large;
  const bool aside = !large && random.chance(options.placed);
  placed.size = small   ? random.between(0.34, 0.44)
                : large ? random.between(0.88, 0.96)
                : aside ? random.between(0.5, 0.6)
                        : random.between(0.64, 0.8);
  std::string where;
  const auto [half_width, half_height] = half_extent(placed);
  if (aside) {
    const auto& place = random.pick(kPlaces);
    const double nearness = random.between(0.85, 1);
    placed.centre_x = 0.5 + place.x * nearness * (0.5 - kMargin - half_width);
    placed.centre_y = 0.5 + place.y * nearness * (0.5 - kMargin - half_height);
    where = place.words;
  } else {
    placed.centre_x += random.between(-0.02, 0.02);
    placed.centre_y += random.between(-0.02, 0.02);
    if (random.chance(0.06)) where = "in the center";
  }
  // A flipped sprite is sampled from the mirrored columns, so its place is mirrored beforehand.
  if (placed.flipped) placed.centre_x = 1 - placed.centre_x;
  scene.things.push_back(placed);

  const auto& ground = ground_for(random, scene);
  scene.ground = with_jitter(random, ground.rgb);
  auto name = joined(described(small || large ? any_size_word(random, small) : "", thing.row->name),
                     thing.row->view);
  if (!random.chance(options.ground_unsaid)) {
    const auto on = dressed_ground(random, scene, ground, options);
    where = random.chance(0.5) ? joined(where, on) : joined(on, where);
  }
  scene.caption = styled_caption(random, thing.row->style, name, where, options);
  if (random.chance(options.tags)) scene.caption += some_tags(random, *thing.row);
  return scene;
}

Scene pair_scene(Random& random, const Thing& first, const Thing& second,
                 const SceneOptions& options) {
  Scene scene;
  const auto& relation = random.pick(kRelations);
  for (const auto* thing : {&first, &second}) {
    const double side = thing == &first ? -1 : 1;
    Placed placed{.sprite = thing->sprite};
    placed.size = random.between(0.42, 0.47);
    placed.centre_x = 0.5 + side * relation.x * 0.245 + random.between(-0.01, 0.01);
    placed.centre_y = 0.5 + side * relation.y * 0.245 + random.between(-0.01, 0.01);
    scene.things.push_back(placed);
  }
  const auto& ground = ground_for(random, scene);
  scene.ground = with_jitter(random, ground.rgb);
  const auto where =
      random.chance(options.ground_unsaid) ? "" : dressed_ground(random, scene, ground, options);
  const auto& style = first.row->style;
  const auto one = with_article(first.row->name);
  auto other = with_article(second.row->name);
  const bool same = style == second.row->style;
  if (!same && !second.row->style.empty())
    other = fmt::format("{} {} of {}", article_for(second.row->style), second.row->style, other);
  const auto both = fmt::format("{} {} {}", one, relation.words, other);
  // Two styles are always said: the caption would otherwise not tell which thing has which.
  if (same || style.empty()) {
    scene.caption = styled_caption(random, same ? style : "", both, where, options);
  } else {
    scene.caption = joined(fmt::format("{} {} of {}", article_for(style), style, both), where);
  }
  return scene;
}

Image paint(const Scene& scene, int size_px) {
  const auto pixels = static_cast<std::size_t>(size_px) * static_cast<std::size_t>(size_px);
  std::vector<float> canvas(pixels * 3);
  if (scene.pattern) {
    paint_pattern(*scene.pattern, canvas, size_px);
  } else if (scene.field) {
    paint_field(*scene.field, canvas, size_px);
  } else if (scene.room) {
    paint_room(*scene.room, canvas, size_px);
  } else {
    for (std::size_t i = 0; i < canvas.size(); ++i) canvas[i] = scene.ground[i % 3];
  }
  if (scene.tiling) paint_tiling(*scene.tiling, canvas, size_px);
  paint_marks(scene.marks, canvas, size_px);
  // A thing may stand in many places: unpacked once.
  std::map<const Sprite*, std::pair<std::vector<std::uint8_t>, std::span<const std::uint8_t>>> seen;
  for (const auto& placed : scene.things) {
    const auto [entry, fresh] = seen.try_emplace(placed.sprite);
    auto& [storage, sprite_pixels] = entry->second;
    if (fresh) sprite_pixels = unpacked_pixels(*placed.sprite, storage);
    if (scene.room)
      paint_shadow(*scene.room, footing_of(placed), sprite_pixels, placed.sprite->width,
                   placed.sprite->height, canvas, size_px);
    blend(canvas, size_px, placed, sprite_pixels);
  }
  Image image{size_px, size_px, 3, std::vector<std::uint8_t>(pixels * 3)};
  for (std::size_t i = 0; i < canvas.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(std::clamp(canvas[i] + 0.5f, 0.0f, 255.0f));
  return image;
}

}  // namespace sumi
