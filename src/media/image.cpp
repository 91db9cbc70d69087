#include "media/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/files.h"
#include "media/codec.h"
#include "media/colour.h"
#include "media/exif.h"
#include "media/geometry.h"
#include "media/metadata.h"
#include "media/reduced.h"

namespace sumi {
namespace {

void check_shape(const Image& image) {
  const bool channels = image.channels == 1 || image.channels == 3 || image.channels == 4;
  const bool size = image.width > 0 && image.height > 0;
  if (channels && size &&
      image.pixels.size() == std::size_t(image.width) * image.height * image.channels)
    return;
  throw Error(
      fmt::format("a picture of {}x{} pixels with {} channels and {} values cannot be written",
                  image.width, image.height, image.channels, image.pixels.size()),
      "its values must be width x height x 1, 3 or 4");
}

void check_limits(const Envelope& envelope, const DecodeLimits& limits, const std::string& origin) {
  const std::uint64_t count = std::uint64_t(envelope.width) * envelope.height;
  if (count <= limits.max_pixels) return;
  throw Error(fmt::format("{}: {}x{} pixels, at most {:.1f} megapixels are read", origin,
                          envelope.width, envelope.height, limits.max_pixels / 1e6),
              "make the picture smaller first");
}

Image decode_pixels(Bytes bytes, const Envelope& envelope, const std::string& origin) {
  switch (envelope.format) {
    case ImageFormat::png:
      return icc_to_srgb(decode_png(bytes, origin), envelope.icc);
    case ImageFormat::jpeg:
      return icc_to_srgb(decode_jpeg(bytes, origin, envelope.icc), envelope.icc);
    case ImageFormat::webp:
      break;
  }
  return icc_to_srgb(decode_webp(bytes, origin), envelope.icc);
}

}  // namespace

Image filled_image(int width, int height, std::span<const std::uint8_t> colour) {
  Image image{width, height, static_cast<int>(colour.size()), {}};
  image.pixels.reserve(std::size_t(width) * height * colour.size());
  for (std::size_t i = 0; i < std::size_t(width) * height; ++i)
    image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
  return image;
}

std::string to_string(ImageFormat format) {
  return format == ImageFormat::png ? "png" : format == ImageFormat::jpeg ? "jpeg" : "webp";
}

ImageFormat format_of(const std::filesystem::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  if (extension == ".png") return ImageFormat::png;
  if (extension == ".jpg" || extension == ".jpeg") return ImageFormat::jpeg;
  if (extension == ".webp") return ImageFormat::webp;
  throw Error(
      fmt::format("{}: no picture format has the extension \"{}\"", file.string(), extension),
      "use .png, .jpg, .jpeg or .webp");
}

Image decode_image(std::span<const std::byte> bytes, const std::string& origin,
                   const DecodeLimits& limits) {
  const Envelope envelope = open_envelope(bytes, origin, Texts::skip);
  check_limits(envelope, limits, origin);
  return oriented(decode_pixels(bytes, envelope, origin), parse_exif(envelope.exif).orientation);
}

ReducedImage decode_reduced(std::span<const std::byte> bytes, const std::string& origin,
                            int least_side_px, const DecodeLimits& limits) {
  const Envelope envelope = open_envelope(bytes, origin, Texts::skip);
  check_limits(envelope, limits, origin);
  const int orientation = parse_exif(envelope.exif).orientation;
  JpegReduction reduction{least_side_px};
  Image image = envelope.format == ImageFormat::jpeg
                    ? icc_to_srgb(decode_jpeg(bytes, origin, envelope.icc, reduction), envelope.icc)
                    : decode_pixels(bytes, envelope, origin);
  const bool turned = orientation >= 5 && orientation <= 8;
  return {oriented(std::move(image), orientation), turned ? envelope.height : envelope.width,
          turned ? envelope.width : envelope.height, reduction.denominator, reduction.quality};
}

Image load_image(const std::filesystem::path& file, const DecodeLimits& limits) {
  const MappedFile mapped(file);
  return decode_image(mapped.bytes(), file.string(), limits);
}

std::vector<std::byte> encode_image(const Image& image, const SaveOptions& options) {
  check_shape(image);
  if (options.quality < 1 || options.quality > 100)
    throw Error(fmt::format("quality {}", options.quality), "give 1 to 100");
  switch (options.format) {
    case ImageFormat::png:
      return encode_png(image, options);
    case ImageFormat::jpeg:
      return encode_jpeg(image, options);
    case ImageFormat::webp:
      break;
  }
  return encode_webp(image, options);
}

void save_image(const std::filesystem::path& file, const Image& image, SaveOptions options) {
  options.format = format_of(file);
  write_file(file, std::span<const std::byte>(encode_image(image, options)));
}

std::string read_infotext(const std::filesystem::path& file) {
  return read_metadata(file).infotext();
}

}  // namespace sumi
