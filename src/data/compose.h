#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "data/random.h"
#include "data/sprites.h"
#include "media/image.h"

namespace sumi {

/// A ground colour people name.
struct GroundColour {
  const char* name;
  std::array<std::uint8_t, 3> rgb;
  double weight;  ///< how often it is drawn; white seldom
};
std::span<const GroundColour> ground_colours();

/// How often scenes have which trait; each is a share from 0 to 1.
struct SceneOptions {
  double pairs = 0.15;          ///< two things instead of one
  double placed = 0.3;          ///< one thing away from the middle, and said so
  double small = 0.12;          ///< drawn small, and said so
  double large = 0.12;          ///< drawn large, and said so
  double ground_unsaid = 0.15;  ///< the caption leaves the ground out
  double style_unsaid = 0.12;   ///< the caption leaves the style out
  double style_last = 0.1;      ///< "a red apple on a blue background, 3d render"
  double tags = 0.08;           ///< up to three related words are added
  double flips = 0;             ///< mirrored left to right

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("pairs", self.pairs, "share of pictures with two things");
    visit("placed", self.placed, "share of things away from the middle");
    visit("small", self.small, "share of things drawn small");
    visit("large", self.large, "share of things drawn large");
    visit("ground_unsaid", self.ground_unsaid, "share of captions without the ground");
    visit("style_unsaid", self.style_unsaid, "share of captions without the style");
    visit("style_last", self.style_last, "share of captions with the style at the end");
    visit("tags", self.tags, "share of captions with related words");
    visit("flips", self.flips, "share of things mirrored left to right");
  }
};

/// What can be put into a scene.
struct Thing {
  const Row* row = nullptr;
  const Sprite* sprite = nullptr;
};

/// A thing at its place: centre and longer side as fractions of the picture's side.
struct Placed {
  const Sprite* sprite = nullptr;
  double centre_x = 0.5, centre_y = 0.5, size = 0.7;
  bool flipped = false;
};

struct Scene {
  std::array<std::uint8_t, 3> ground{};
  std::vector<Placed> things;
  std::string caption;
};

/// One thing in its style on a named ground, at a stated size and place.
Scene single_scene(Random& random, const Thing& thing, const SceneOptions& options);

/// Two things, side by side or one above the other.
Scene pair_scene(Random& random, const Thing& first, const Thing& second,
                 const SceneOptions& options);

/// Paints a scene as an RGB square: area-averaged sprites blended over the ground.
Image paint(const Scene& scene, int size_px);

}  // namespace sumi
