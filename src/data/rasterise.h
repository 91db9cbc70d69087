#pragma once

#include <string>
#include <string_view>

#include "media/image.h"

namespace sumi {

/// What a vector picture may cost.
struct SvgLimits {
  std::size_t max_bytes = 4u << 20;
  int max_px = 4096;       ///< side of the pixels made, whatever size the file claims
  double max_seconds = 5;  ///< of a processor for one picture, and three times as long by the
                           ///< clock; 0 draws in this process, without a limit
};

/// Draws an SVG into an RGBA picture (straight alpha) whose longer side is `size_px`, with its
/// proportions kept. Nothing outside the text is read: references to files and addresses are
/// ignored by the drawing, entity declarations are refused. Untrusted text is drawn in a child
/// process that ends with the time limit. Throws Error naming `origin`.
Image rasterise_svg(std::string_view svg, int size_px, const std::string& origin,
                    const SvgLimits& limits = {});

}  // namespace sumi
