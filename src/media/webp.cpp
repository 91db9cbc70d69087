#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <cstring>

#include "core/error.h"
#include "media/codec.h"
#include "media/colour.h"
#include "media/exif.h"
#include "media/unicode.h"

namespace sumi {
namespace {

constexpr std::string_view exif_prefix("Exif\0\0", 6);
constexpr std::size_t riff_header = 12;
constexpr std::size_t chunk_header = 8;

[[noreturn]] void damaged_webp(const std::string& origin, const std::string& what) {
  damaged(origin, ImageFormat::webp, what);
}

const std::uint8_t* raw(Bytes bytes) { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }

/// The RIFF container as its own header measures it; bytes after it are left out.
Bytes container(Bytes bytes, const std::string& origin) {
  if (bytes.size() < riff_header + chunk_header)
    damaged_webp(origin, "it is cut short in its headers");
  const std::uint64_t size = std::uint64_t{little32(bytes, 4)} + 8;
  if (size > bytes.size())
    damaged_webp(origin, fmt::format("its header says {} bytes, there are {}", size, bytes.size()));
  if (size < riff_header + chunk_header) damaged_webp(origin, "its container is empty");
  return bytes.first(size);
}

WebPBitstreamFeatures features_of(Bytes bytes, const std::string& origin) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(raw(bytes), bytes.size(), &features) != VP8_STATUS_OK)
    damaged_webp(origin, "its header is unreadable");
  if (features.has_animation)
    throw Error(fmt::format("{}: an animated WebP; only still pictures are read", origin),
                "take one frame out, e.g. with webpmux -get frame 1");
  return features;
}

void keep(Envelope& envelope, const std::string& origin, Texts texts, std::string_view type,
          Bytes data) {
  if (type == "ICCP" && envelope.icc.empty() && data.size() <= max_metadata_bytes) {
    envelope.icc.assign(data.begin(), data.end());
  } else if (type == "EXIF" && envelope.exif.empty()) {
    envelope.exif = starts_with(data, exif_prefix) ? data.subspan(exif_prefix.size()) : data;
  } else if (type == "XMP " && texts == Texts::read) {
    keep_text(envelope, origin, "XMP", utf8_or_latin1(as_text(data)));
  }
}

void walk(Envelope& envelope, Bytes bytes, const std::string& origin, Texts texts) {
  int chunks = 0;
  for (std::size_t at = riff_header; bytes.size() - at >= chunk_header;) {
    const std::size_t length = little32(bytes, at + 4);
    if (length > bytes.size() - at - chunk_header)
      damaged_webp(origin, fmt::format("the chunk at byte {} ends after the file", at));
    if (++chunks > max_metadata_chunks)
      throw Error(fmt::format("{}: more than {} chunks", origin, max_metadata_chunks),
                  "this is no ordinary picture; export it again without metadata");
    keep(envelope, origin, texts, as_text(bytes.subspan(at, 4)),
         bytes.subspan(at + chunk_header, length));
    at += std::min(chunk_header + length + length % 2, bytes.size() - at);
  }
}

struct DecoderConfig {
  WebPDecoderConfig value;
  DecoderConfig() {
    if (!WebPInitDecoderConfig(&value)) throw Error("libwebp does not fit its header");
  }
  ~DecoderConfig() { WebPFreeDecBuffer(&value.output); }
  DecoderConfig(const DecoderConfig&) = delete;
  DecoderConfig& operator=(const DecoderConfig&) = delete;
};

struct Picture {
  WebPPicture value;
  WebPMemoryWriter writer;
  Picture() {
    if (!WebPPictureInit(&value)) throw Error("libwebp does not fit its header");
    WebPMemoryWriterInit(&writer);
    value.writer = WebPMemoryWrite;
    value.custom_ptr = &writer;
  }
  ~Picture() {
    WebPPictureFree(&value);
    WebPMemoryWriterClear(&writer);
  }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
};

WebPConfig config_for(const SaveOptions& options) {
  WebPConfig config;
  if (!WebPConfigInit(&config)) throw Error("libwebp does not fit its header");
  if (options.lossless) {
    WebPConfigLosslessPreset(&config, 6);
    config.exact = 1;  // keeps the colour under alpha 0
  } else {
    config.quality = static_cast<float>(options.quality);
  }
  return config;
}

std::vector<std::byte> with_exif(const WebPMemoryWriter& picture, const std::string& infotext) {
  const auto exif = exif_with_comment(infotext);
  const WebPData stream{picture.mem, picture.size}, chunk{raw(exif), exif.size()};
  WebPData whole{};
  WebPMux* mux = WebPMuxCreate(&stream, 0);
  const bool made = mux && WebPMuxSetChunk(mux, "EXIF", &chunk, 0) == WEBP_MUX_OK &&
                    WebPMuxAssemble(mux, &whole) == WEBP_MUX_OK;
  const auto* begin = reinterpret_cast<const std::byte*>(whole.bytes);
  std::vector<std::byte> out;
  if (made) out.assign(begin, begin + whole.size);
  WebPDataClear(&whole);
  WebPMuxDelete(mux);
  if (!made) throw Error("WebP writing failed: the EXIF chunk does not fit");
  return out;
}

}  // namespace

Envelope open_webp(Bytes bytes, const std::string& origin, Texts texts) {
  const Bytes whole = container(bytes, origin);
  const WebPBitstreamFeatures features = features_of(whole, origin);
  Envelope envelope;
  envelope.format = ImageFormat::webp;
  envelope.width = features.width;
  envelope.height = features.height;
  envelope.has_alpha = features.has_alpha != 0;
  walk(envelope, whole, origin, texts);
  return envelope;
}

Image decode_webp(Bytes bytes, const std::string& origin) {
  const Bytes whole = container(bytes, origin);
  const WebPBitstreamFeatures features = features_of(whole, origin);
  DecoderConfig config;
  config.value.output.colorspace = features.has_alpha ? MODE_RGBA : MODE_RGB;
  // libwebp makes the room: a vector would touch all of it before the first bit is known to be
  // good.
  if (WebPDecode(raw(whole), whole.size(), &config.value) != VP8_STATUS_OK)
    damaged_webp(origin, "its pixels are unreadable");
  const WebPRGBABuffer& decoded = config.value.output.u.RGBA;
  Image image{features.width, features.height, features.has_alpha ? 4 : 3, {}};
  const std::size_t stride = std::size_t(image.width) * image.channels;
  image.pixels.reserve(stride * image.height);
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* row = decoded.rgba + std::size_t(y) * decoded.stride;
    image.pixels.insert(image.pixels.end(), row, row + stride);
  }
  return image;
}

std::vector<std::byte> encode_webp(const Image& image, const SaveOptions& options) {
  if (image.channels == 1) return encode_webp(to_rgb(image), options);
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION)
    throw Error(fmt::format("{}x{} pixels; WebP holds {} on a side", image.width, image.height,
                            WEBP_MAX_DIMENSION),
                "save as PNG, or make it smaller");
  const WebPConfig config = config_for(options);
  Picture picture;
  picture.value.width = image.width;
  picture.value.height = image.height;
  picture.value.use_argb = options.lossless;
  const auto import = image.channels == 4 ? WebPPictureImportRGBA : WebPPictureImportRGB;
  if (!import(&picture.value, image.pixels.data(), image.width * image.channels) ||
      !WebPEncode(&config, &picture.value))
    throw Error(fmt::format("WebP writing failed with libwebp's code {}",
                            static_cast<int>(picture.value.error_code)));
  if (!options.infotext.empty()) return with_exif(picture.writer, options.infotext);
  const auto* begin = reinterpret_cast<const std::byte*>(picture.writer.mem);
  return {begin, begin + picture.writer.size};
}

}  // namespace sumi
