#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "media/image.h"

namespace sumi {

/// What a picture file says about itself, read without decoding its pixels.
struct ImageMetadata {
  ImageFormat format = ImageFormat::png;
  int width = 0;   ///< as stored, before orientation is applied
  int height = 0;  ///< as stored, before orientation is applied
  bool has_alpha = false;
  bool has_icc = false;
  int orientation = 1;  ///< EXIF 1 to 8
  /// Texts in file order, UTF-8: PNG text chunks under their keywords, EXIF fields under "EXIF
  /// NAME", JPEG comments under "comment", XMP packets under "XMP".
  std::vector<std::pair<std::string, std::string>> fields;

  /// The A1111 parameters: PNG text "parameters" or the EXIF UserComment; empty when there are
  /// none.
  std::string infotext() const;
};

/// Throws Error naming `origin` for unknown formats, damaged structure, more than 1000 chunks of
/// metadata or more than 8 MiB of text.
ImageMetadata read_metadata(std::span<const std::byte> bytes, const std::string& origin);
ImageMetadata read_metadata(const std::filesystem::path& file);

}  // namespace sumi
