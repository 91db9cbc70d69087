#include "media/contact_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "media/bitmap_font.h"
#include "media/colour.h"
#include "media/geometry.h"
#include "media/resize.h"

namespace sumi {
namespace {

struct SheetLayout {
  int columns, rows;
  int cell_width, cell_height;  // the picture's part
  int scale, label_height;
  int margin, gap_across, gap_down;
  int title_height;

  int width() const { return 2 * margin + columns * cell_width + (columns - 1) * gap_across; }
  int height() const {
    return 2 * margin + title_height + rows * (cell_height + label_height) + (rows - 1) * gap_down;
  }
  int left(int i) const { return margin + i % columns * (cell_width + gap_across); }
  int top(int i) const {
    return margin + title_height + i / columns * (cell_height + label_height + gap_down);
  }
};

constexpr int smallest_cell = 64;
constexpr int largest_cell = 512;

int line_height(int scale) { return text_height(scale) + 2 * scale; }

int cell_side(std::span<const Image> images, const SheetOptions& options) {
  if (options.cell > 0) return options.cell;
  int side = smallest_cell;
  for (const Image& image : images) side = std::max({side, image.width, image.height});
  return std::min(side, largest_cell);
}

/// The picture as it stands in its cell: RGB, never enlarged.
Image fitted(const Image& image, int side) {
  const Image flat = flatten(image, {255, 255, 255});
  if (flat.width <= side && flat.height <= side) return flat;
  return resize_to_fit(flat, side, side);
}

SheetLayout lay_out(const std::vector<Image>& pictures, int side, bool labelled,
                    const SheetOptions& options) {
  SheetLayout layout{};
  const int count = static_cast<int>(pictures.size());
  const int square = static_cast<int>(std::ceil(std::sqrt(count)));
  layout.columns = std::min(count, options.columns > 0 ? options.columns : square);
  layout.rows = (count + layout.columns - 1) / layout.columns;
  for (const Image& picture : pictures) {
    layout.cell_width = std::max({layout.cell_width, picture.width, smallest_cell});
    layout.cell_height = std::max(layout.cell_height, picture.height);
  }
  layout.scale = options.text_scale > 0 ? options.text_scale : std::clamp(side / 128, 1, 3);
  layout.label_height =
      labelled ? 4 * layout.scale + options.label_lines * line_height(layout.scale) : 0;
  layout.gap_across = std::clamp(side / 8, 12, 40);
  layout.gap_down = labelled ? layout.gap_across * 3 / 4 : layout.gap_across;
  layout.margin = layout.gap_across * 2;
  layout.title_height =
      options.title.empty() ? 0 : text_height(layout.scale + 1) + layout.margin * 3 / 4;
  return layout;
}

void check(std::span<const Image> images, std::span<const std::string> labels,
           const SheetOptions& options) {
  if (images.empty()) throw Error("a contact sheet without pictures", "give at least one picture");
  if (!labels.empty() && labels.size() != images.size())
    throw Error(fmt::format("{} pictures and {} labels", images.size(), labels.size()),
                "give one label for each picture, or none");
  if (options.columns < 0 || options.cell < 0 || options.label_lines < 0 || options.text_scale < 0)
    throw Error("a contact sheet with negative sizes", "give sizes of 0 (chosen) or more");
}

void draw_labels(Image& sheet, const SheetLayout& layout, std::span<const std::string> labels,
                 const SheetOptions& options) {
  const TextStyle style{options.ink, layout.scale, TextDirection::across};
  for (int i = 0; i < static_cast<int>(labels.size()); ++i) {
    int y = layout.top(i) + layout.cell_height + 4 * layout.scale;
    for (const auto& line :
         wrap_text(labels[i], layout.cell_width, options.label_lines, layout.scale)) {
      draw_text(sheet, layout.left(i), y, line, style);
      y += line_height(layout.scale);
    }
  }
}

}  // namespace

Image contact_sheet(std::span<const Image> images, std::span<const std::string> labels,
                    const SheetOptions& options) {
  check(images, labels, options);
  const int side = cell_side(images, options);
  std::vector<Image> pictures;
  for (const Image& image : images) pictures.push_back(fitted(image, side));
  const SheetLayout layout = lay_out(pictures, side, !labels.empty(), options);
  if (std::uint64_t(layout.width()) * layout.height() > DecodeLimits{}.max_pixels)
    throw Error(fmt::format("a contact sheet of {}x{} pixels", layout.width(), layout.height()),
                "choose smaller cells or fewer pictures");

  Image sheet = filled_image(layout.width(), layout.height(), options.background);
  if (!options.title.empty()) {
    const int scale = layout.scale + 1;
    const auto lines = wrap_text(options.title, layout.width() - 2 * layout.margin, 1, scale);
    if (!lines.empty())
      draw_text(sheet, layout.margin, layout.margin, lines[0],
                {options.ink, scale, TextDirection::across});
  }
  for (int i = 0; i < static_cast<int>(pictures.size()); ++i)
    paste(sheet, pictures[i], layout.left(i) + (layout.cell_width - pictures[i].width) / 2,
          layout.top(i) + (layout.cell_height - pictures[i].height) / 2);
  draw_labels(sheet, layout, labels, options);
  return sheet;
}

}  // namespace sumi
