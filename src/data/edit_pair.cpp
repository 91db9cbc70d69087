#include "data/edit_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "data/degradation.h"
#include "data/recolour.h"
#include "media/colour.h"
#include "media/geometry.h"
#include "media/tone.h"

namespace sumi {
namespace {

constexpr std::uint64_t kMaking = 0xed17, kChoosing = 0xed18, kSaying = 0xed19;
constexpr double kReplaced = 0.4;    // share of new colours that take the place of a named one
constexpr double kColourful = 0.06;  // least share of pixels with one hue for edits of colour

struct EditInput {
  const Image& picture;
  const std::optional<Scene>& scene;
  Random& random;
  EditKind kind;
};
using Made = std::optional<EditPair>;

EditPair plain(const EditInput& in, Image given, Image wanted) {
  return {std::move(given), std::move(wanted), instruction(in.kind, in.random), in.kind};
}

template <Image damage(const Image&, Random&)>
Made undone(const EditInput& in) {
  Image damaged = damage(in.picture, in.random);
  return plain(in, std::move(damaged), in.picture);
}

bool is_colourful(const Image& picture) { return dominant_colour(picture).share >= kColourful; }

/// How much of each pixel the things of a scene cover: what they hide of a ground that goes from
/// black to white. Gray.
Image coverage(Scene scene, int size_px) {
  scene.pattern.reset();
  scene.ground = {0, 0, 0};
  const Image dark = to_gray(paint(scene, size_px));
  scene.ground = {255, 255, 255};
  Image covered = to_gray(paint(scene, size_px));
  for (std::size_t i = 0; i < covered.pixels.size(); ++i)
    covered.pixels[i] =
        static_cast<std::uint8_t>(255 - std::max(0, int{covered.pixels[i]} - int{dark.pixels[i]}));
  return covered;
}

/// Everything of the picture's first colour in another one ("change the red to blue").
Made replace_colour(const EditInput& in, const NamedHue& to) {
  const auto from = dominant_colour(in.picture);
  if (from.share < kColourful || from.word == to.name) return {};
  return EditPair{in.picture, recoloured(in.picture, to.degrees, from.word),
                  instruction(in.kind, in.random, to.name, from.word), in.kind};
}

/// The things in another colour, or all there is where nobody knows the ground ("make it blue").
Made recolour(const EditInput& in) {
  const NamedHue& to = in.random.pick(named_hues());
  if (in.random.chance(kReplaced)) return replace_colour(in, to);
  std::optional<Image> mask;
  if (in.scene) mask = coverage(*in.scene, in.picture.width);
  Image wanted = recoloured(in.picture, to.degrees, {}, mask ? &*mask : nullptr);
  if (!is_colourful(in.picture) || wanted == in.picture) return {};
  return EditPair{in.picture, std::move(wanted), instruction(in.kind, in.random, to.name), in.kind};
}

Made to_black_and_white(const EditInput& in) {
  if (!is_colourful(in.picture)) return {};
  return plain(in, in.picture, with_saturation(in.picture, 0));
}

Made from_black_and_white(const EditInput& in) {
  if (!is_colourful(in.picture)) return {};
  return plain(in, with_saturation(in.picture, 0), in.picture);
}

Made mirrored(const EditInput& in) { return plain(in, in.picture, flip_horizontal(in.picture)); }
Made turned_over(const EditInput& in) { return plain(in, in.picture, flip_vertical(in.picture)); }
Made left(const EditInput& in) { return plain(in, in.picture, in.picture); }

/// The same things on another ground, where they stand on a plain one or a pattern.
Made another_ground(const EditInput& in) {
  if (!in.scene || in.scene->field || in.scene->room || in.scene->tiling) return {};
  const auto differs = [&](const GroundColour& ground) {
    double sum = 0;
    for (std::size_t c = 0; c < 3; ++c)
      sum += std::pow(static_cast<double>(ground.rgb[c]) - in.scene->ground[c], 2);
    return std::sqrt(sum) > 60;
  };
  std::vector<const GroundColour*> others;
  for (const auto& ground : ground_colours())
    if (differs(ground)) others.push_back(&ground);
  const GroundColour& ground = *in.random.pick(others);
  Scene scene = *in.scene;
  scene.ground = ground.rgb;
  scene.pattern.reset();
  return EditPair{in.picture, paint(scene, in.picture.width),
                  instruction(in.kind, in.random, ground.name), in.kind};
}

constexpr std::array<Made (*)(const EditInput&), kEditKinds> kMakers = {undone<blurred>,
                                                                        undone<noisy>,
                                                                        undone<jpeg_damaged>,
                                                                        undone<low_resolution>,
                                                                        undone<faded>,
                                                                        undone<darkened>,
                                                                        recolour,
                                                                        to_black_and_white,
                                                                        from_black_and_white,
                                                                        mirrored,
                                                                        turned_over,
                                                                        another_ground,
                                                                        left};

using Shares = std::array<double, kEditKinds>;

/// The shares in the order of EditKind, which is that of the fields.
Shares shares_of(const EditMix& mix) {
  Shares shares{};
  std::size_t next = 0;
  EditMix::fields(mix,
                  [&](const char*, const double& share, const char*) { shares[next++] = share; });
  return shares;
}

/// A kind by its share; nothing where all shares are 0.
std::optional<EditKind> drawn(const Shares& shares, Random& random) {
  double total = 0;
  for (const double share : shares) total += share;
  if (!(total > 0)) return std::nullopt;
  double at = random.between(0, total);
  std::size_t kind = 0;
  while (kind + 1 < kEditKinds && (at -= shares[kind]) >= 0) ++kind;
  while (!(shares[kind] > 0)) --kind;  // the last ones may have no share
  return static_cast<EditKind>(kind);
}

}  // namespace

void check(const EditMix& mix) {
  double total = 0;
  EditMix::fields(mix, [&](const char* name, const double& share, const char*) {
    if (!(share >= 0 && share <= 1e6))
      throw Error(fmt::format("edits.{}: {} is not a share", name, share),
                  "write 0 for never, 1 for as often as the others");
    total += share;
  });
  if (!(total > 0)) throw Error("edits: every share is 0", "give one of them 1");
}

std::optional<EditPair> make_edit(EditKind kind, const Image& picture,
                                  const std::optional<Scene>& scene, std::uint64_t seed) {
  const auto number = static_cast<std::size_t>(kind);
  Random random(seed, kMaking, number);
  return kMakers[number]({picture, scene, random, kind});
}

EditPair draw_edit(const EditMix& mix, const Image& picture, const std::optional<Scene>& scene,
                   std::uint64_t seed) {
  auto shares = shares_of(mix);
  Random random(seed, kChoosing, 0);
  for (;;) {
    const auto kind = drawn(shares, random);
    if (!kind) return *make_edit(EditKind::leave, picture, scene, seed);
    if (auto pair = make_edit(*kind, picture, scene, seed)) return *std::move(pair);
    shares[static_cast<std::size_t>(*kind)] = 0;
  }
}

std::string instruction_like(const EditMix& mix, std::uint64_t seed) {
  Random random(seed, kSaying, 0);
  const EditKind kind = drawn(shares_of(mix), random).value_or(EditKind::leave);
  const bool ground = kind == EditKind::background;
  const char* colour = ground ? random.pick(ground_colours()).name : random.pick(named_hues()).name;
  const bool replaces = kind == EditKind::recolour && random.chance(kReplaced);
  return instruction(kind, random, colour, replaces ? random.pick(named_hues()).name : "");
}

EditPair edit_at(const Dataset& dataset, const EditMix& mix, std::uint64_t index) {
  const auto scene = dataset.composition(index);
  const Image picture = scene ? paint(*scene, dataset.config().size_px) : dataset.at(index).picture;
  Random random(dataset.config().seed, kChoosing, index);
  return draw_edit(mix, picture, scene, random.bits());
}

Loader::SampleSource edits_of(std::shared_ptr<const Dataset> dataset, const EditMix& mix) {
  return [dataset = std::move(dataset), mix](std::uint64_t index) {
    EditPair pair = edit_at(*dataset, mix, index);
    Sample sample;
    sample.picture = std::move(pair.wanted);
    sample.caption = std::move(pair.instruction);
    sample.given = std::move(pair.given);
    return sample;
  };
}

}  // namespace sumi
