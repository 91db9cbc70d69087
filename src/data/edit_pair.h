#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/config.h"
#include "data/compose.h"
#include "data/dataset.h"
#include "data/instruction.h"
#include "data/loader.h"

namespace sumi {

/// How often pairs are made for which edit, relative to each other. Those that a picture does not
/// allow (another ground where nobody knows the ground, black and white where nothing has colour)
/// leave their share to the others.
struct EditMix {
  double sharpen = 1;
  double denoise = 1;
  double clean_jpeg = 1;
  double enlarge = 1;
  double restore_colours = 1;
  double brighten = 1;
  double recolour = 1;
  double to_gray = 0.5;
  double colourise = 1;
  double mirror = 0.5;
  double turn_over = 0.25;
  double background = 1;
  double leave = 0.25;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("sharpen", self.sharpen, "undo Gaussian and motion blur");
    visit("denoise", self.denoise, "take away Gaussian noise, salt and pepper, shot noise");
    visit("clean_jpeg", self.clean_jpeg, "remove JPEG damage");
    visit("enlarge", self.enlarge, "put detail into a picture that was made small");
    visit("restore_colours", self.restore_colours, "undo fading");
    visit("brighten", self.brighten, "undo darkness");
    visit("recolour", self.recolour, "give things, or all that has one color, another color");
    visit("to_gray", self.to_gray, "black and white");
    visit("colourise", self.colourise, "color from black and white");
    visit("mirror", self.mirror, "left to right");
    visit("turn_over", self.turn_over, "top to bottom");
    visit("background", self.background, "another ground");
    visit("leave", self.leave, "no change");
  }
};

/// Throws Error naming the field when a share is negative or all are 0.
void check(const EditMix& mix);

/// A picture, what to do with it, and what it then looks like.
struct EditPair {
  Image given;
  Image wanted;
  std::string instruction;
  EditKind kind = EditKind::leave;
};

/// A pair for one kind of edit, as instruct-pix2pix (Brooks et al. 2023) learns from, but made by
/// known transformations. Nothing where the picture does not allow that edit. `scene`: how the
/// picture was composed, where that is known; the picture is then paint(scene). A pure function of
/// all it is given.
std::optional<EditPair> make_edit(EditKind kind, const Image& picture,
                                  const std::optional<Scene>& scene, std::uint64_t seed);

/// A pair of a kind that the mix draws.
EditPair draw_edit(const EditMix& mix, const Image& picture, const std::optional<Scene>& scene,
                   std::uint64_t seed);

/// An instruction as such pairs have it, without a picture: what a vocabulary is learned from.
std::string instruction_like(const EditMix& mix, std::uint64_t seed);

/// Pair `index` of a world. Throws Error as Dataset::at does.
EditPair edit_at(const Dataset& dataset, const EditMix& mix, std::uint64_t index);

/// A loader's source of such pairs: Sample::given, Sample::picture (what is wanted) and the
/// instruction as caption.
Loader::SampleSource edits_of(std::shared_ptr<const Dataset> dataset, const EditMix& mix);

}  // namespace sumi
