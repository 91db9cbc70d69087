#pragma once

#include <array>
#include <span>
#include <string>

#include "media/image.h"

namespace sumi {

struct SheetOptions {
  int columns = 0;      ///< 0: nearly square
  int cell = 0;         ///< side of a picture's cell in pixels; 0: the largest picture, at most 512
  int label_lines = 2;  ///< lines a label may take; what is longer ends in "..."
  int text_scale = 0;   ///< whole multiple of the 5x9 font; 0: chosen from the cell
  std::string title = "";  ///< above the pictures; empty: none
  std::array<std::uint8_t, 3> background = {250, 249, 246};
  std::array<std::uint8_t, 3> ink = {62, 60, 56};
};

/// Pictures in rows with their labels below. Larger pictures are scaled into their cells, smaller
/// ones centred; alpha is laid over white. `labels` may be empty, otherwise one for each picture.
/// Throws Error when there are no pictures, the counts differ or the sheet would pass 64
/// megapixels.
Image contact_sheet(std::span<const Image> images, std::span<const std::string> labels,
                    const SheetOptions& options = {});

}  // namespace sumi
