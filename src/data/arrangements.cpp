#include "data/arrangements.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/plurals.h"
#include "data/portraits.h"
#include "data/room_scene.h"
#include "data/tiles.h"
#include "data/words.h"

namespace sumi {
namespace {

constexpr double kPi = std::numbers::pi;

/// Different colours with names, in an order of chance.
std::vector<const GroundColour*> any_colours(Random& random, std::size_t count) {
  const auto all = ground_colours();
  std::vector<const GroundColour*> order;
  for (const auto& colour : all) order.push_back(&colour);
  for (std::size_t i = 0; i < count; ++i)
    std::swap(order[i], order[i + random.below(order.size() - i)]);
  order.resize(count);
  return order;
}

/// "red", "red and blue", "red, blue and white".
template <class List, class Word>
std::string listed(const List& list, Word word) {
  std::string text;
  for (std::size_t i = 0; i < list.size(); ++i)
    text += (i == 0 ? "" : i + 1 == list.size() ? " and " : ", ") + std::string(word(list[i]));
  return text;
}

std::string colour_list(const std::vector<const GroundColour*>& colours) {
  return listed(colours, [](const GroundColour* colour) { return colour->name; });
}

std::vector<Rgb> palette_of(Random& random, const std::vector<const GroundColour*>& colours) {
  std::vector<Rgb> palette;
  for (const auto* colour : colours) palette.push_back(with_jitter(random, colour->rgb));
  return palette;
}

struct Spot {
  double x, y;
};

/// Where so many things stand: one row of two or three, else two rows.
std::vector<Spot> spots_for(int count) {
  switch (count) {
    case 2:
      return {{0.27, 0.5}, {0.73, 0.5}};
    case 3:
      return {{0.19, 0.5}, {0.5, 0.5}, {0.81, 0.5}};
    case 4:
      return {{0.27, 0.27}, {0.73, 0.27}, {0.27, 0.73}, {0.73, 0.73}};
    case 5:
      return {{0.19, 0.3}, {0.5, 0.3}, {0.81, 0.3}, {0.34, 0.7}, {0.66, 0.7}};
    default:
      return {{0.19, 0.3}, {0.5, 0.3}, {0.81, 0.3}, {0.19, 0.7}, {0.5, 0.7}, {0.81, 0.7}};
  }
}

/// Seeds of a lattice over the whole picture, one row beyond each edge.
std::vector<Spot> lattice_spots(Random& random, double period, bool shifted, double angle) {
  const double offset_x = random.real() * period, offset_y = random.real() * period;
  const int reach = static_cast<int>(std::ceil(1.2 / period)) + 1;
  std::vector<Spot> spots;
  for (int row = -reach; row <= reach; ++row)
    for (int column = -reach; column <= reach; ++column) {
      const double x = offset_x + (column + (shifted && row % 2 != 0 ? 0.5 : 0)) * period;
      const double y = offset_y + row * period;
      const Spot spot{0.5 + x * std::cos(angle) - y * std::sin(angle),
                      0.5 + x * std::sin(angle) + y * std::cos(angle)};
      const double margin = period / 2;
      if (spot.x > -margin && spot.x < 1 + margin && spot.y > -margin && spot.y < 1 + margin)
        spots.push_back(spot);
    }
  return spots;
}

/// A style in front of a body, with "a" now and then.
std::string of_style(Random& random, const std::string& style, const std::string& body) {
  const auto article = random.chance(0.25) ? article_for(style) + " " : "";
  return fmt::format("{}{} of {}", article, style, body);
}

struct FieldWords {
  FieldKind kind;
  const char* words;
};
constexpr FieldWords kFields[] = {{FieldKind::cells, "a mosaic of irregular cells"},
                                  {FieldKind::triangles, "triangles"},
                                  {FieldKind::tiles, "a mosaic of square tiles"},
                                  {FieldKind::rings, "concentric rings"},
                                  {FieldKind::rays, "a sunburst"},
                                  {FieldKind::flow, "flowing waves"},
                                  {FieldKind::blend, "a soft gradient"}};

/// Discs that do not touch, thrown until so many fit or tries run out.
std::vector<Mark> packed_discs(Random& random, const std::vector<Rgb>& palette) {
  constexpr std::size_t kMost = 60;
  std::vector<Mark> marks;
  for (int attempt = 0; attempt < 400 && marks.size() < kMost; ++attempt) {
    Mark mark{.x = random.between(0, 1), .y = random.between(0, 1)};
    double room = attempt < 40 ? 0.2 : 0.1;
    for (const auto& other : marks)
      room = std::min(room, std::hypot(mark.x - other.x, mark.y - other.y) - other.width - 0.008);
    if (room < 0.02) continue;
    mark.width = room;
    mark.colour = random.pick(palette);
    marks.push_back(mark);
  }
  return marks;
}

std::vector<Mark> overlapping_discs(Random& random, const std::vector<Rgb>& palette) {
  std::vector<Mark> marks(8 + random.below(10));
  for (auto& mark : marks) {
    mark.x = random.real(), mark.y = random.real(), mark.width = random.between(0.06, 0.26);
    mark.colour = random.pick(palette);
  }
  return marks;
}

/// Strokes that bend: chains of short lines, thinner towards their ends.
std::vector<Mark> brush_strokes(Random& random, const std::vector<Rgb>& palette) {
  constexpr int kSteps = 14;
  std::vector<Mark> marks;
  for (std::size_t stroke = 0, count = 7 + random.below(6); stroke < count; ++stroke) {
    double x = random.between(-0.1, 0.8), y = random.real(), angle = random.between(-0.8, 0.8);
    const double bend = random.between(-0.16, 0.16), thickness = random.between(0.05, 0.12);
    const auto colour = random.pick(palette);
    for (int step = 0; step < kSteps; ++step) {
      const double length = 0.05, end = std::sin(kPi * (step + 1) / (kSteps + 1));
      marks.push_back({.kind = MarkKind::stroke,
                       .x = x,
                       .y = y,
                       .width = length,
                       .height = thickness * (0.35 + 0.65 * end),
                       .angle = angle,
                       .colour = colour});
      x += length * std::cos(angle), y += length * std::sin(angle), angle += bend;
    }
  }
  return marks;
}

struct MarkArt {
  const char* words;
  std::vector<Mark> (*draw)(Random&, const std::vector<Rgb>&);
};
constexpr MarkArt kMarkArt[] = {{"packed circles", packed_discs},
                                {"overlapping circles", overlapping_discs},
                                {"brush strokes", brush_strokes}};

struct ShapeWords {
  const char* name;
  Mark mark;
};
const ShapeWords kShapes[] = {
    {"circle", {.kind = MarkKind::disc, .width = 1}},
    {"square", {.kind = MarkKind::box, .width = 0.86, .height = 0.86}},
    {"rectangle", {.kind = MarkKind::box, .width = 1, .height = 0.55}},
    {"triangle", {.kind = MarkKind::polygon, .width = 1.1, .corners = 3}},
    {"pentagon", {.kind = MarkKind::polygon, .width = 1, .corners = 5}},
    {"hexagon", {.kind = MarkKind::polygon, .width = 1, .corners = 6}},
    {"star", {.kind = MarkKind::star, .width = 1.1, .corners = 5}},
    {"diamond", {.kind = MarkKind::polygon, .width = 1.05, .corners = 4}}};

/// One to three shapes: alone, side by side, or one above the other.
std::string draw_shapes(Random& random, Scene& scene,
                        const std::vector<const GroundColour*>& colours) {
  const auto count = colours.size();
  const bool stacked = count == 2 && random.chance(0.4);
  const double size = count == 1 ? random.between(0.26, 0.38) : count == 2 ? 0.2 : 0.135;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& shape = random.pick(kShapes);
    auto mark = shape.mark;
    mark.width *= size, mark.height *= size;
    const double along = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    mark.x = stacked ? 0.5 : along, mark.y = stacked ? along : 0.5;
    mark.colour = with_jitter(random, colours[i]->rgb);
    scene.marks.push_back(mark);
    names.push_back(with_article(fmt::format("{} {}", colours[i]->name, shape.name)));
  }
  if (stacked) return fmt::format("{} above {}", names[0], names[1]);
  if (count == 2) return fmt::format("{} to the left of {}", names[0], names[1]);
  return listed(names, [](const std::string& name) { return name; });
}

std::string draw_bars(Random& random, Scene& scene, const GroundColour& colour, const Rgb& ink) {
  const int count = 3 + static_cast<int>(random.below(4));
  const char* course = "";
  const double kind = random.real();
  const bool rising = kind < 0.3, falling = !rising && kind < 0.6;
  if (rising) course = "rising ";
  if (falling) course = "falling ";
  const double left = 0.14, right = 0.9, bottom = 0.86, tallest = 0.7;
  const double step = (right - left) / count;
  const auto shade = with_jitter(random, colour.rgb);
  for (int i = 0; i < count; ++i) {
    const double order = (i + 1.0) / count;
    const double share = rising    ? order
                         : falling ? 1 + 1.0 / count - order
                                   : random.between(0.15, 1);
    const double height = tallest * share;
    scene.marks.push_back({.kind = MarkKind::box,
                           .x = left + (i + 0.5) * step,
                           .y = bottom - height / 2,
                           .width = step * 0.34,
                           .height = height / 2,
                           .colour = shade});
  }
  for (const auto& axis : {Mark{.kind = MarkKind::box,
                          .x = 0.51,
                          .y = bottom,
                          .width = 0.42,
                          .height = 0.008,
                          .colour = ink},
                           Mark{.kind = MarkKind::box,
                           .x = 0.1,
                           .y = 0.5,
                           .width = 0.008,
                           .height = 0.37,
                           .colour = ink}})
    scene.marks.push_back(axis);
  return fmt::format("a bar chart with {} {}{} bars", count_word(count), course, colour.name);
}

std::string draw_pie(Random& random, Scene& scene,
                     const std::vector<const GroundColour*>& colours) {
  std::vector<double> shares;
  double total = 0;
  for (std::size_t i = 0; i < colours.size(); ++i)
    total += shares.emplace_back(random.between(0.5, 1.6));
  double from = random.between(0, 2 * kPi);
  for (std::size_t i = 0; i < colours.size(); ++i) {
    const double span = 2 * kPi * shares[i] / total;
    scene.marks.push_back({.kind = MarkKind::sector,
                           .width = 0.38,
                           .height = span,
                           .angle = from,
                           .colour = with_jitter(random, colours[i]->rgb)});
    from += span;
  }
  return fmt::format("a pie chart with {} slices in {}",
                     count_word(static_cast<int>(colours.size())), colour_list(colours));
}

/// Boxes joined by arrows, from left to right or from top to bottom.
std::string draw_flow(Random& random, Scene& scene, const GroundColour& colour, const Rgb& ink) {
  const int count = 2 + static_cast<int>(random.below(3));
  const bool down = random.chance(0.5);
  const double step = 1.0 / count;
  const double long_half = step * 0.3, short_half = 0.1;
  const auto shade = with_jitter(random, colour.rgb);
  for (int i = 0; i < count; ++i) {
    const double along = (i + 0.5) * step;
    scene.marks.push_back({.kind = MarkKind::box,
                           .x = down ? 0.5 : along,
                           .y = down ? along : 0.5,
                           .width = down ? 0.2 : long_half,
                           .height = down ? std::min(short_half, long_half) : short_half,
                           .colour = shade});
    if (i + 1 == count) break;
    const double from = along + (down ? std::min(short_half, long_half) : long_half) + 0.015;
    const double to = along + step - (down ? std::min(short_half, long_half) : long_half) - 0.02;
    const double angle = down ? kPi / 2 : 0;
    scene.marks.push_back({.kind = MarkKind::stroke,
                           .x = down ? 0.5 : from,
                           .y = down ? from : 0.5,
                           .width = std::max(0.01, to - from - 0.02),
                           .height = 0.016,
                           .angle = angle,
                           .colour = ink});
    scene.marks.push_back({.kind = MarkKind::polygon,
                           .x = down ? 0.5 : to - 0.015,
                           .y = down ? to - 0.015 : 0.5,
                           .width = 0.03,
                           .angle = angle + kPi / 2,
                           .colour = ink});
  }
  return fmt::format("a flow chart of {} {} boxes {}", count_word(count), colour.name,
                     down ? "from top to bottom" : "from left to right");
}

/// A colour in which thin lines are seen on a ground.
const GroundColour& clear_against(Random& random, const GroundColour& ground) {
  constexpr double kClear = 150;
  for (int attempt = 0; attempt < 50; ++attempt)
    if (const auto& colour = any_ground(random); colour_distance(colour.rgb, ground.rgb) > kClear)
      return colour;
  const Rgb taken[] = {ground.rgb};
  return ground_against(random, taken);
}

}  // namespace

Scene counted_scene(Random& random, const Thing& thing, const SceneOptions& options) {
  const int count = 2 + static_cast<int>(random.below(5));
  const double size =
      count == 2 || count == 4 ? random.between(0.36, 0.42) : random.between(0.25, 0.29);
  Scene scene;
  for (const auto& spot : spots_for(count))
    scene.things.push_back({thing.sprite, spot.x + random.between(-0.012, 0.012),
                            spot.y + random.between(-0.012, 0.012), size, false});
  const auto where = put_on_ground(random, scene, options);
  const auto several = fmt::format("{} {}", count_word(count), plural_name(thing.row->name));
  scene.caption = styled_caption(random, thing.row->style, several,
                                 random.chance(options.ground_unsaid) ? "" : where, options);
  return scene;
}

Scene textile_scene(Random& random, const Thing& thing, const SceneOptions& options) {
  const double period = random.between(0.2, 0.36), kind = random.real();
  const bool shifted = kind < 0.45;
  const double angle = kind > 0.75 ? kPi / 4 : 0;
  Scene scene;
  for (const auto& spot : lattice_spots(random, period, shifted, angle))
    scene.things.push_back({thing.sprite, spot.x, spot.y, period * 0.74, false});
  const auto where = put_on_ground(random, scene, options);
  const auto body = plural_name(thing.row->name) + " " + where;
  static constexpr const char* kStyles[] = {"textile pattern", "textile pattern", "fabric print",
                                            "seamless pattern"};
  scene.caption = of_style(random, random.pick(kStyles), body);
  if (!thing.row->style.empty() && random.chance(0.6)) scene.caption += ", " + thing.row->style;
  return scene;
}

Scene tile_scene(Random& random, const Thing& tile, const SceneOptions& options) {
  const auto& ground = any_ground(random);
  const auto& figure = clear_against(random, ground);
  Scene scene;
  scene.ground = with_jitter(random, ground.rgb);
  scene.tiling = Tiling{tile.sprite, with_jitter(random, figure.rgb), random.between(0.55, 1.05),
                        random.real(), random.real()};
  static constexpr const char* kStyles[] = {"seamless pattern", "seamless pattern", "fabric print",
                                            "textile pattern"};
  const auto motif = fmt::format("{} {}", figure.name, tile.row->name);
  scene.caption = of_style(random, random.pick(kStyles),
                           random.chance(options.ground_unsaid)
                               ? motif
                               : motif + " " + ground_words(random, ground.name));
  return scene;
}

Scene poster_scene(Random& random, const Thing& thing, const SceneOptions& options) {
  Scene scene;
  const bool below = random.chance(0.6);
  const double depth = random.between(0.09, 0.13), middle = below ? 1 - depth : depth;
  scene.things.push_back(
      {thing.sprite, 0.5, below ? 0.44 : 0.58, random.between(0.52, 0.6), false});
  SceneOptions plain = options;
  plain.patterned = options.patterned / 2;
  const auto where = put_on_ground(random, scene, plain);
  const Rgb taken[] = {scene.ground, scene.pattern ? scene.pattern->second : scene.ground};
  const auto& banner = ground_against(random, taken);
  const auto& badge = ground_against(random, std::array{taken[0], taken[1], banner.rgb});
  scene.marks.push_back({.kind = MarkKind::box,
                         .x = 0.5,
                         .y = middle,
                         .width = 0.52,
                         .height = depth,
                         .colour = with_jitter(random, banner.rgb)});
  const bool left = random.chance(0.5);
  const double badge_x = left ? 0.15 : 0.85, badge_y = below ? 0.15 : 0.85;
  scene.marks.push_back({.kind = random.chance(0.5) ? MarkKind::disc : MarkKind::star,
                         .x = badge_x,
                         .y = badge_y,
                         .width = 0.115,
                         .corners = 12,
                         .colour = with_jitter(random, badge.rgb)});
  const auto body =
      fmt::format("{} {} with {} {} banner at the {} and {} {} badge in the {} {} corner",
                  with_article(thing.row->name), where, article_for(banner.name), banner.name,
                  below ? "bottom" : "top", article_for(badge.name), badge.name,
                  below ? "top" : "bottom", left ? "left" : "right");
  scene.caption = of_style(random, "marketing poster", body);
  if (!thing.row->style.empty() && random.chance(0.6)) scene.caption += ", " + thing.row->style;
  return scene;
}

Scene portrait_scene(Random& random, const Thing& thing, const SceneOptions& options) {
  const double longer = std::max(thing.sprite->width, thing.sprite->height);
  const double size = random.between(0.86, 0.96);
  Scene scene;
  scene.things.push_back({thing.sprite, 0.5 + random.between(-0.02, 0.02),
                          1 - size * thing.sprite->height / longer / 2, size, false});
  const auto where = put_on_ground(random, scene, options);
  scene.caption = styled_caption(random, thing.row->style, with_article(thing.row->name),
                                 random.chance(options.ground_unsaid) ? "" : where, options);
  return scene;
}

Scene abstract_scene(Random& random) {
  static constexpr const char* kStyles[] = {"abstract art", "abstract art", "abstract painting"};
  const std::string style = random.pick(kStyles);
  Scene scene;
  const double kind = random.real();
  if (kind < 0.2) {
    const auto colours = any_colours(random, 2);
    scene.pattern = drawn_pattern(random, any_pattern(random), with_jitter(random, colours[0]->rgb),
                                  with_jitter(random, colours[1]->rgb));
    scene.caption =
        of_style(random, style,
                 fmt::format("a {} pattern",
                             pattern_words(*scene.pattern, colours[0]->name, colours[1]->name)));
  } else if (kind < 0.7) {
    const auto colours = any_colours(random, 2 + random.below(3));
    const auto& field = random.pick(kFields);
    scene.field = drawn_field(random, field.kind, palette_of(random, colours));
    scene.caption =
        of_style(random, style, fmt::format("{} in {}", field.words, colour_list(colours)));
  } else {
    auto colours = any_colours(random, 3 + random.below(2));
    const auto& ground = *colours.back();
    colours.pop_back();
    scene.ground = with_jitter(random, ground.rgb);
    const auto& art = random.pick(kMarkArt);
    scene.marks = art.draw(random, palette_of(random, colours));
    scene.caption = of_style(random, style,
                             fmt::format("{} in {} {}", art.words, colour_list(colours),
                                         ground_words(random, ground.name)));
  }
  return scene;
}

Scene teaching_scene(Random& random) {
  Scene scene;
  // Charts stand mostly on white, as in books.
  const bool white = random.chance(0.5);
  const auto all = ground_colours();
  const auto& ground = white ? all.back() : any_ground(random);
  scene.ground = with_jitter(random, ground.rgb);
  std::vector<const GroundColour*> colours;
  for (const auto* colour : any_colours(random, all.size()))
    if (colour_distance(colour->rgb, ground.rgb) > 80) colours.push_back(colour);
  const bool dark = ground.rgb[0] + ground.rgb[1] + ground.rgb[2] < 250;
  const Rgb ink = dark ? Rgb{235, 235, 235} : Rgb{40, 40, 46};
  const auto first = [&](std::size_t count) {
    return std::vector(colours.begin(), colours.begin() + static_cast<std::ptrdiff_t>(count));
  };
  const double kind = random.real();
  const auto what = kind < 0.5    ? draw_shapes(random, scene, first(1 + random.below(3)))
                    : kind < 0.7  ? draw_bars(random, scene, *colours[0], ink)
                    : kind < 0.85 ? draw_pie(random, scene, first(2 + random.below(4)))
                                  : draw_flow(random, scene, *colours[0], ink);
  scene.caption =
      of_style(random, "teaching picture", what + " " + ground_words(random, ground.name));
  return scene;
}

std::optional<Scene> any_arrangement(Random& random, const Thing& thing,
                                     const SceneOptions& options) {
  if (is_tile(*thing.row)) return tile_scene(random, thing, options);
  const bool countable = !takes_no_article(thing.row->name);
  double shares[] = {options.counts,       options.textiles, options.posters,
                     options.abstract_art, options.teaching, 0};
  double total = 0;
  for (const double share : shares) total += share;
  if (options.rooms > 0) total += shares[5] = room_share(*thing.row, options, 1 - total);
  const bool portrait = is_portrait(*thing.row);
  if (!(total > 0) && !portrait) return std::nullopt;
  double at = random.real();
  std::size_t kind = 0;
  while (kind < std::size(shares) && at >= shares[kind]) at -= shares[kind++];
  if (portrait && kind != 3 && kind != 4) return portrait_scene(random, thing, options);
  switch (kind) {
    case 0:
      if (!countable) return std::nullopt;
      return counted_scene(random, thing, options);
    case 1:
      return textile_scene(random, thing, options);
    case 2:
      return poster_scene(random, thing, options);
    case 3:
      return abstract_scene(random);
    case 4:
      return teaching_scene(random);
    case 5:
      return room_scene(random, thing, options);
    default:
      return std::nullopt;
  }
}

}  // namespace sumi
