#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/progress.h"
#include "data/manifest.h"
#include "media/image.h"

namespace sumi {

/// A thing cut out: premultiplied RGBA, trimmed to what is visible. The pixels belong to the set.
struct Sprite {
  int width = 0, height = 0;
  std::span<const std::uint8_t> pixels;       ///< height * width * 4
  std::array<std::uint8_t, 3> mean_colour{};  ///< over its visible part
};

/// Sprites drawn once and then read in place from one file.
class SpriteSet {
 public:
  /// Opens the file for these rows under `cache`/sprites, or makes it first (the longer side is
  /// `size_px`). Pictures that cannot be drawn are counted and named, not fatal.
  static SpriteSet open(const std::vector<Row>& rows, int size_px,
                        const std::filesystem::path& cache, const ProgressSink& sink = {});

  /// In the order of the rows; a sprite of width 0 stands for a picture that could not be drawn.
  const Sprite& at(std::size_t row) const { return sprites_[row]; }
  std::size_t size() const { return sprites_.size(); }
  /// The damaged pictures: "id: why".
  const std::vector<std::string>& damaged() const { return damaged_; }

 private:
  std::shared_ptr<const void> owner_;
  std::vector<Sprite> sprites_;
  std::vector<std::string> damaged_;
};

/// A picture with alpha as a sprite's pixels: trimmed to the visible part (alpha of 8 or more),
/// scaled so that the longer side is `size_px`, premultiplied. Throws Error when nothing is
/// visible.
Image trimmed_premultiplied(const Image& picture, int size_px, const std::string& origin);

}  // namespace sumi
