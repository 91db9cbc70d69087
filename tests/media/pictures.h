#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "media/image.h"

namespace sumi::testing {

/// A small generator, so that every machine draws the same numbers (xorshift64*).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2654435769u + 1) {}
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 2685821657736338717u;
  }
  std::size_t below(std::size_t n) { return next() % n; }

 private:
  std::uint64_t state_;
};

inline Image noise_image(int width, int height, int channels, std::uint64_t seed = 1) {
  Random random(seed);
  Image image{width, height, channels, {}};
  for (int i = 0; i < width * height * channels; ++i)
    image.pixels.push_back(static_cast<std::uint8_t>(random.next() >> 56));
  return image;
}

/// Soft waves that lossy codecs keep well; alpha, if any, is a slope.
inline Image smooth_image(int width, int height, int channels) {
  Image image{width, height, channels, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.pixels.push_back(static_cast<std::uint8_t>(
            c == 3 ? 255 * x / std::max(1, width - 1)
                   : 127.5 + 100 * std::sin(x * 0.07 + c) * std::cos(y * 0.05 - c)));
  return image;
}

inline std::vector<std::byte> encoded(const Image& image, ImageFormat format,
                                      const std::string& infotext = "") {
  SaveOptions options;
  options.format = format;
  options.lossless = true;
  options.infotext = infotext;
  return encode_image(image, options);
}

/// What went wrong, or "" when nothing did.
template <class Work>
std::string problem_of(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline void append(std::vector<std::byte>& out, std::string_view text) {
  for (const char letter : text) out.push_back(static_cast<std::byte>(letter));
}

inline void append_big32(std::vector<std::byte>& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0})
    out.push_back(static_cast<std::byte>(value >> shift & 0xFF));
}

inline std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

inline std::vector<std::byte> png_chunk(std::string_view type, std::span<const std::byte> data) {
  std::vector<std::byte> typed;
  append(typed, type);
  typed.insert(typed.end(), data.begin(), data.end());
  std::vector<std::byte> chunk;
  append_big32(chunk, static_cast<std::uint32_t>(data.size()));
  chunk.insert(chunk.end(), typed.begin(), typed.end());
  append_big32(chunk, crc32_of(typed));
  return chunk;
}

/// A PNG with further chunks after its header.
inline std::vector<std::byte> with_chunks(std::vector<std::byte> png,
                                          std::span<const std::byte> chunks) {
  constexpr std::size_t after_header = 8 + 25;
  png.insert(png.begin() + after_header, chunks.begin(), chunks.end());
  return png;
}

/// A JPEG with a further segment (marker 0xE0 to 0xEF, 0xFE) after its start.
inline std::vector<std::byte> with_segment(std::vector<std::byte> jpeg, std::uint8_t marker,
                                           std::span<const std::byte> data) {
  std::vector<std::byte> segment{std::byte{0xFF}, std::byte{marker},
                                 std::byte((data.size() + 2) >> 8),
                                 std::byte((data.size() + 2) & 0xFF)};
  segment.insert(segment.end(), data.begin(), data.end());
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  return jpeg;
}

/// A TIFF structure that holds an orientation.
inline std::vector<std::byte> orientation_exif(int orientation, bool little) {
  std::vector<std::byte> tiff;
  const auto value = static_cast<char>(orientation);
  if (little)
    append(tiff, std::string_view("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18));
  else
    append(tiff, std::string_view("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01", 18));
  const char big[] = {0, value, 0, 0, 0, 0, 0, 0}, small[] = {value, 0, 0, 0, 0, 0, 0, 0};
  append(tiff, std::string_view(little ? small : big, 8));
  return tiff;
}

}  // namespace sumi::testing
