#include "data/instruction.h"

#include <fmt/format.h>

#include <span>

#include "data/words.h"

namespace sumi {
namespace {

using Wordings = std::span<const char* const>;

// {0}: the colour to come, {1}: its article, {2}: the colour to go. CLIP's captions spell "color".
constexpr const char* kSharpen[] = {"sharpen it",         "make it sharp",       "remove the blur",
                                    "deblur the picture", "sharpen the picture", "make it sharper"};
constexpr const char* kDenoise[] = {"remove the noise",    "denoise it",
                                    "denoise the picture", "clean up the noise",
                                    "take the grain away", "make it less noisy"};
constexpr const char* kCleanJpeg[] = {"remove the jpeg artifacts", "remove the compression damage",
                                      "clean up the jpeg blocks", "repair the jpeg damage",
                                      "remove the blocks"};
constexpr const char* kEnlarge[] = {"make it high resolution", "increase the resolution",
                                    "add detail", "upscale it", "make it less pixelated"};
constexpr const char* kRestore[] = {"restore the faded colors", "bring back the colors",
                                    "restore color and contrast", "make the colors strong again",
                                    "restore the old picture"};
constexpr const char* kBrighten[] = {"brighten it", "make it brighter", "it is too dark",
                                     "brighten the picture", "give it more light"};
constexpr const char* kRecolour[] = {"make it {0}", "color it {0}", "turn it {0}", "paint it {0}"};
constexpr const char* kReplace[] = {"change the {2} to {0}", "turn the {2} into {0}",
                                    "make the {2} {0}", "replace {2} with {0}"};
constexpr const char* kToGray[] = {"make it black and white", "black and white", "remove the color",
                                   "turn it into a black and white picture"};
constexpr const char* kColourise[] = {"colorize it", "add color", "give it color",
                                      "color the black and white picture"};
constexpr const char* kMirror[] = {"mirror it", "flip it left to right", "flip it horizontally",
                                   "mirror the picture"};
constexpr const char* kTurnOver[] = {"turn it upside down", "flip it vertically",
                                     "put it on its head", "flip it top to bottom"};
constexpr const char* kBackground[] = {"make the background {0}", "change the background to {0}",
                                       "put it on {1} {0} background", "{0} background"};
constexpr const char* kLeave[] = {"leave it as it is", "do not change anything", "keep it the same",
                                  "no change"};

constexpr std::array<Wordings, kEditKinds> kWordings = {
    kSharpen, kDenoise,   kCleanJpeg, kEnlarge,  kRestore,    kBrighten, kRecolour,
    kToGray,  kColourise, kMirror,    kTurnOver, kBackground, kLeave};

}  // namespace

std::string instruction(EditKind kind, Random& random, std::string_view colour,
                        std::string_view from) {
  const auto wordings =
      from.empty() ? kWordings[static_cast<std::size_t>(kind)] : Wordings(kReplace);
  return fmt::format(fmt::runtime(random.pick(wordings)), colour, article_for(colour), from);
}

}  // namespace sumi
