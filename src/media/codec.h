#pragma once

#include <csetjmp>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "media/image.h"

namespace sumi {

// Inside this room: what the three codecs share.

using Bytes = std::span<const std::byte>;
using TextFields = std::vector<std::pair<std::string, std::string>>;

constexpr int max_metadata_chunks = 1000;
constexpr std::size_t max_metadata_bytes = std::size_t{8} << 20;

/// What stands around a picture's pixels.
struct Envelope {
  ImageFormat format = ImageFormat::png;
  int width = 0;
  int height = 0;
  bool has_alpha = false;
  std::vector<std::byte> icc;  ///< empty: none, or unreadable
  Bytes exif;                  ///< a TIFF structure inside the file's bytes; empty: none
  TextFields texts;            ///< in file order, filled only when asked for
};

enum class Texts { skip, read };

/// Throws Error when no codec knows the first bytes.
ImageFormat detect_format(Bytes bytes, const std::string& origin);

/// The walk over the container's structure; nothing is decoded.
Envelope open_png(Bytes bytes, const std::string& origin, Texts texts);
Envelope open_jpeg(Bytes bytes, const std::string& origin, Texts texts);
Envelope open_webp(Bytes bytes, const std::string& origin, Texts texts);
Envelope open_envelope(Bytes bytes, const std::string& origin, Texts texts);

/// The pixels as stored; only CMYK is already sRGB, through `icc`.
Image decode_png(Bytes bytes, const std::string& origin);
Image decode_jpeg(Bytes bytes, const std::string& origin, Bytes icc);

/// What decode_jpeg() is asked to leave out and tells in return; see ReducedImage.
struct JpegReduction {
  int least_side_px = 0;
  int denominator = 1;
  int quality = 0;
};
Image decode_jpeg(Bytes bytes, const std::string& origin, Bytes icc, JpegReduction& reduction);
Image decode_webp(Bytes bytes, const std::string& origin);

std::vector<std::byte> encode_png(const Image& image, const SaveOptions& options);
std::vector<std::byte> encode_jpeg(const Image& image, const SaveOptions& options);
std::vector<std::byte> encode_webp(const Image& image, const SaveOptions& options);

[[noreturn]] void damaged(const std::string& origin, ImageFormat format, const std::string& what);

/// Throws when more texts are kept than max_metadata_bytes.
void keep_text(Envelope& envelope, const std::string& origin, std::string key, std::string text);

/// Runs C calls that may longjmp to `jump`; false when they did. `body` must own nothing with a
/// destructor, since a jump runs none.
template <class Body>
[[gnu::noinline]] bool guarded(std::jmp_buf& jump, const Body& body) {
  if (setjmp(jump) != 0) return false;
  body();
  return true;
}

inline std::uint32_t byte_at(Bytes bytes, std::size_t at) {
  return std::to_integer<std::uint32_t>(bytes[at]);
}
inline std::uint32_t big16(Bytes bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}
inline std::uint32_t big32(Bytes bytes, std::size_t at) {
  return big16(bytes, at) << 16 | big16(bytes, at + 2);
}
inline std::uint32_t little16(Bytes bytes, std::size_t at) {
  return byte_at(bytes, at + 1) << 8 | byte_at(bytes, at);
}
inline std::uint32_t little32(Bytes bytes, std::size_t at) {
  return little16(bytes, at + 2) << 16 | little16(bytes, at);
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline bool starts_with(Bytes bytes, std::string_view prefix) {
  return as_text(bytes).starts_with(prefix);
}

}  // namespace sumi
