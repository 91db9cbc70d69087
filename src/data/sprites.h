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

/// A thing cut out: premultiplied RGBA, trimmed to what is visible. The pixels belong to the set,
/// which keeps them packed: unpacked_pixels() brings them.
struct Sprite {
  int width = 0, height = 0;
  std::span<const std::uint8_t> pixels;       ///< height * width * 4; empty where packed
  std::array<std::uint8_t, 3> mean_colour{};  ///< over its visible part
  double colour_spread = 0;                   ///< standard deviation of its colours, in 8-bit steps
  std::span<const std::byte> packed{};        ///< the pixels, deflated
};

/// The pixels of a sprite; `storage` holds them where they had to be unpacked. Throws Error when
/// the packed bytes are damaged.
std::span<const std::uint8_t> unpacked_pixels(const Sprite& sprite,
                                              std::vector<std::uint8_t>& storage);

/// Sprites drawn once and then read from files, one for each source, which are mapped: a world of
/// any size takes the memory of the sprites in use and what the system keeps of the files.
class SpriteSet {
 public:
  /// Opens the files for these rows under `cache`/sprites, or makes them first (the longer side is
  /// `size_px`). Pictures that cannot be drawn are counted and named, not fatal.
  static SpriteSet open(const std::vector<Row>& rows, int size_px,
                        const std::filesystem::path& cache, const ProgressSink& sink = {});

  /// In the order of the rows; a sprite of width 0 stands for a picture that could not be drawn.
  const Sprite& at(std::size_t row) const { return sprites_[row]; }
  std::size_t size() const { return sprites_.size(); }
  /// The damaged pictures: "id: why".
  const std::vector<std::string>& damaged() const { return damaged_; }

 private:
  void read(const std::filesystem::path& file, std::span<const std::size_t> places);

  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<Sprite> sprites_;
  std::vector<std::string> damaged_;
};

/// A picture with alpha as a sprite's pixels: trimmed to the visible part (alpha of 8 or more),
/// scaled so that the longer side is `size_px`, premultiplied. Throws Error when nothing is
/// visible.
Image trimmed_premultiplied(const Image& picture, int size_px, const std::string& origin);

}  // namespace sumi
