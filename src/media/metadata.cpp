#include "media/metadata.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "media/codec.h"
#include "media/exif.h"

namespace sumi {

ImageFormat detect_format(Bytes bytes, const std::string& origin) {
  if (starts_with(bytes, std::string_view("\x89PNG\r\n\x1a\n", 8))) return ImageFormat::png;
  if (starts_with(bytes, "\xFF\xD8\xFF")) return ImageFormat::jpeg;
  if (starts_with(bytes, "RIFF") && bytes.size() >= 12 && starts_with(bytes.subspan(8), "WEBP"))
    return ImageFormat::webp;
  throw Error(fmt::format("{}: not a PNG, JPEG or WebP picture", origin),
              "convert it to one of these formats");
}

Envelope open_envelope(Bytes bytes, const std::string& origin, Texts texts) {
  switch (detect_format(bytes, origin)) {
    case ImageFormat::png:
      return open_png(bytes, origin, texts);
    case ImageFormat::jpeg:
      return open_jpeg(bytes, origin, texts);
    case ImageFormat::webp:
      break;
  }
  return open_webp(bytes, origin, texts);
}

void damaged(const std::string& origin, ImageFormat format, const std::string& what) {
  throw Error(fmt::format("{}: damaged {}: {}", origin, to_string(format), what),
              "fetch or export the picture again");
}

void keep_text(Envelope& envelope, const std::string& origin, std::string key, std::string text) {
  std::size_t total = key.size() + text.size();
  for (const auto& [kept_key, kept_text] : envelope.texts)
    total += kept_key.size() + kept_text.size();
  if (total > max_metadata_bytes)
    throw Error(fmt::format("{}: more than {} MiB of text", origin, max_metadata_bytes >> 20),
                "this is no ordinary picture; export it again without metadata");
  envelope.texts.emplace_back(std::move(key), std::move(text));
}

std::string ImageMetadata::infotext() const {
  for (const char* name : {"parameters", "EXIF UserComment"})
    for (const auto& [key, text] : fields)
      if (key == name) return text;
  return "";
}

ImageMetadata read_metadata(std::span<const std::byte> bytes, const std::string& origin) {
  Envelope envelope = open_envelope(bytes, origin, Texts::read);
  Exif exif = parse_exif(envelope.exif);
  ImageMetadata metadata;
  metadata.format = envelope.format;
  metadata.width = envelope.width;
  metadata.height = envelope.height;
  metadata.has_alpha = envelope.has_alpha;
  metadata.has_icc = !envelope.icc.empty();
  metadata.orientation = exif.orientation;
  metadata.fields = std::move(envelope.texts);
  for (auto& [name, text] : exif.fields)
    metadata.fields.emplace_back(fmt::format("EXIF {}", name), std::move(text));
  return metadata;
}

ImageMetadata read_metadata(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  return read_metadata(mapped.bytes(), file.string());
}

}  // namespace sumi
