#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace sumi {

/// A picture in memory: row-major interleaved 8-bit sRGB, alpha (if any) straight, not
/// premultiplied.
struct Image {
  int width = 0;                     ///< in pixels
  int height = 0;                    ///< in pixels
  int channels = 3;                  ///< 1 gray, 3 RGB, 4 RGBA
  std::vector<std::uint8_t> pixels;  ///< height * width * channels values

  bool operator==(const Image&) const = default;
};

/// A picture of one value everywhere; `colour` holds one value per channel (1, 3 or 4).
Image filled_image(int width, int height, std::span<const std::uint8_t> colour);

enum class ImageFormat { png, jpeg, webp };

/// "png", "jpeg" or "webp".
std::string to_string(ImageFormat format);

/// The format a file name stands for: .png, .jpg, .jpeg, .webp in any case. Throws Error with the
/// list for any other.
ImageFormat format_of(const std::filesystem::path& file);

/// What a picture from outside may cost.
struct DecodeLimits {
  std::uint64_t max_pixels = std::uint64_t{64} << 20;  ///< width * height, told before decoding
};

/// Decodes PNG (all bit depths, palettes, interlaced), JPEG (gray, YCbCr, RGB, CMYK) or WebP, told
/// by content. Sixteen bits become eight; gray stays one channel unless it has transparency; EXIF
/// orientation is applied; an embedded ICC profile that fits is converted to sRGB, one that does
/// not is ignored, as are PNG's gAMA and cHRM. Throws Error naming `origin` when the format is
/// unknown, the data are damaged or cut short, the picture is larger than the limits or the WebP is
/// animated.
Image decode_image(std::span<const std::byte> bytes, const std::string& origin,
                   const DecodeLimits& limits = {});

/// decode_image() of a file's content.
Image load_image(const std::filesystem::path& file, const DecodeLimits& limits = {});

struct SaveOptions {
  ImageFormat format = ImageFormat::png;
  int quality = 95;           ///< JPEG and lossy WebP, 1 to 100
  bool lossless = false;      ///< WebP: every value kept, even the colour under alpha 0
  std::string infotext = "";  ///< UTF-8; PNG text "parameters", EXIF UserComment in JPEG and WebP
  bool full_chroma = false;   ///< JPEG: 4:4:4 instead of 4:2:0
};

/// Encodes 1, 3 or 4 channels. JPEG has no alpha: the picture is laid over white; WebP has no gray:
/// it is written as RGB. Throws Error when the format cannot hold the size or the infotext.
std::vector<std::byte> encode_image(const Image& image, const SaveOptions& options);

/// Writes a file that appears only when complete. The format follows the extension, whatever
/// `options.format` says. Throws Error as format_of(), encode_image() and AtomicFile do.
void save_image(const std::filesystem::path& file, const Image& image, SaveOptions options = {});

/// The generation parameters a picture carries, as UTF-8; empty when it has none. Throws Error when
/// the file is not a readable picture.
std::string read_infotext(const std::filesystem::path& file);

}  // namespace sumi
