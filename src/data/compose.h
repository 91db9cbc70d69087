#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "data/colour_field.h"
#include "data/grounds.h"
#include "data/marks.h"
#include "data/pattern.h"
#include "data/random.h"
#include "data/room.h"
#include "data/sprites.h"
#include "data/tiling.h"
#include "media/image.h"

namespace sumi {

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
  double patterned = 0;         ///< grounds of two colours instead of one
  double counts = 0;            ///< two to six of the same thing
  double textiles = 0;          ///< a thing repeated all over
  double posters = 0;           ///< a thing with banner and badge
  double abstract_art = 0;      ///< colours and shapes without a thing
  double teaching = 0;          ///< shapes and charts without a thing
  double rooms = 0;             ///< a thing on a floor before a wall; furniture four times as often
  double portraits = 0;         ///< of what is drawn from the sources; 0: as their weights say

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
    visit("patterned", self.patterned, "share of grounds with a pattern or gradient");
    visit("counts", self.counts, "share of pictures with two to six of the same thing");
    visit("textiles", self.textiles, "share of textile patterns, a thing repeated all over");
    visit("posters", self.posters, "share of marketing posters, a thing with banner and badge");
    visit("abstract_art", self.abstract_art, "share of abstract art");
    visit("teaching", self.teaching, "share of teaching pictures: shapes and charts");
    visit("rooms", self.rooms, "share of things in a room; furniture four times as often");
    visit("portraits", self.portraits,
          "share of portraits in what is drawn from the sources; 0: as their weights say");
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
  std::optional<Pattern> pattern = {};    ///< in place of the plain ground
  std::optional<ColourField> field = {};  ///< likewise
  std::optional<Room> room = {};          ///< likewise; things cast shadows on its floor
  std::optional<Tiling> tiling = {};      ///< over the ground
  std::vector<Mark> marks = {};           ///< over the ground, under the things
};

/// One thing in its style on a named ground, at a stated size and place.
Scene single_scene(Random& random, const Thing& thing, const SceneOptions& options);

/// Two things, side by side or one above the other.
Scene pair_scene(Random& random, const Thing& first, const Thing& second,
                 const SceneOptions& options);

/// Puts the scene's things on a plain ground against which they stand out or, now and then, on one
/// of two colours; returns the words for it.
std::string put_on_ground(Random& random, Scene& scene, const SceneOptions& options);

/// Style, thing and what is said about them, joined as people write it.
std::string styled_caption(Random& random, const std::string& style, const std::string& thing,
                           const std::string& where, const SceneOptions& options);

/// Paints a scene as an RGB square: area-averaged sprites blended over the ground.
Image paint(const Scene& scene, int size_px);

}  // namespace sumi
