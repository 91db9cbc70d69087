#include "media/exif.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "media/codec.h"
#include "media/unicode.h"

namespace sumi {
namespace {

constexpr int max_entries = 1000;
constexpr std::uint32_t max_listed_values = 16;

enum Tag : std::uint32_t {
  tag_orientation = 0x0112,
  tag_exif_directory = 0x8769,
  tag_gps_directory = 0x8825,
  tag_user_comment = 0x9286,
  tag_first_windows_text = 0x9C9B,  // five tags in UTF-16, written by Windows
  tag_last_windows_text = 0x9C9F,
};

struct TagName {
  std::uint32_t tag;
  const char* name;
};

// Names of CIPA DC-008 (Exif 2.32), chapter 4.
constexpr TagName picture_tags[] = {
    {0x0100, "ImageWidth"},
    {0x0101, "ImageLength"},
    {0x010E, "ImageDescription"},
    {0x010F, "Make"},
    {0x0110, "Model"},
    {0x0112, "Orientation"},
    {0x011A, "XResolution"},
    {0x011B, "YResolution"},
    {0x0128, "ResolutionUnit"},
    {0x0131, "Software"},
    {0x0132, "DateTime"},
    {0x013B, "Artist"},
    {0x013C, "HostComputer"},
    {0x0213, "YCbCrPositioning"},
    {0x8298, "Copyright"},
    {0x829A, "ExposureTime"},
    {0x829D, "FNumber"},
    {0x8822, "ExposureProgram"},
    {0x8827, "PhotographicSensitivity"},
    {0x9000, "ExifVersion"},
    {0x9003, "DateTimeOriginal"},
    {0x9004, "DateTimeDigitized"},
    {0x9010, "OffsetTime"},
    {0x9011, "OffsetTimeOriginal"},
    {0x9201, "ShutterSpeedValue"},
    {0x9202, "ApertureValue"},
    {0x9203, "BrightnessValue"},
    {0x9204, "ExposureBiasValue"},
    {0x9205, "MaxApertureValue"},
    {0x9207, "MeteringMode"},
    {0x9208, "LightSource"},
    {0x9209, "Flash"},
    {0x920A, "FocalLength"},
    {0x927C, "MakerNote"},
    {0x9286, "UserComment"},
    {0x9C9B, "XPTitle"},
    {0x9C9C, "XPComment"},
    {0x9C9D, "XPAuthor"},
    {0x9C9E, "XPKeywords"},
    {0x9C9F, "XPSubject"},
    {0xA000, "FlashpixVersion"},
    {0xA001, "ColorSpace"},
    {0xA002, "PixelXDimension"},
    {0xA003, "PixelYDimension"},
    {0xA402, "ExposureMode"},
    {0xA403, "WhiteBalance"},
    {0xA404, "DigitalZoomRatio"},
    {0xA405, "FocalLengthIn35mmFilm"},
    {0xA406, "SceneCaptureType"},
    {0xA420, "ImageUniqueID"},
    {0xA433, "LensMake"},
    {0xA434, "LensModel"},
};

constexpr TagName gps_tags[] = {
    {0x0000, "GPSVersionID"},    {0x0001, "GPSLatitudeRef"}, {0x0002, "GPSLatitude"},
    {0x0003, "GPSLongitudeRef"}, {0x0004, "GPSLongitude"},   {0x0005, "GPSAltitudeRef"},
    {0x0006, "GPSAltitude"},     {0x0007, "GPSTimeStamp"},   {0x001D, "GPSDateStamp"},
};

std::string name_of(std::uint32_t tag, bool gps) {
  const std::span<const TagName> names =
      gps ? std::span<const TagName>(gps_tags) : std::span<const TagName>(picture_tags);
  for (const TagName& known : names)
    if (known.tag == tag) return known.name;
  return fmt::format("0x{:04X}", tag);
}

/// Bytes per value of the TIFF types 1 to 12; 0 for types that do not exist.
std::size_t type_size(std::uint32_t type) {
  constexpr std::size_t sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
  return type < std::size(sizes) ? sizes[type] : 0;
}

/// Programs disagree on the byte order of "UNICODE" comments: a mark decides, else the order that
/// gives more characters below U+0100 (spaces and line ends are among them in any script), else
/// big-endian.
std::string utf16_of_unknown_order(std::string_view bytes) {
  if (bytes.starts_with("\xFE\xFF")) return utf16_to_utf8(bytes.substr(2), ByteOrder::big);
  if (bytes.starts_with("\xFF\xFE")) return utf16_to_utf8(bytes.substr(2), ByteOrder::little);
  std::size_t low_if_big = 0, low_if_little = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    low_if_big += bytes[i] == 0;
    low_if_little += bytes[i + 1] == 0;
  }
  return utf16_to_utf8(bytes, low_if_little > low_if_big ? ByteOrder::little : ByteOrder::big);
}

std::string without_trailing_nul(std::string text) {
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

std::string comment_text(Bytes value) {
  constexpr std::size_t prefix = 8;
  if (value.size() < prefix) return "";
  const std::string_view text = as_text(value.subspan(prefix));
  if (starts_with(value, "UNICODE")) return without_trailing_nul(utf16_of_unknown_order(text));
  return without_trailing_nul(utf8_or_latin1(text));
}

class Reader {
 public:
  explicit Reader(Bytes tiff) : tiff_(tiff) {}

  Exif read() {
    const bool little = starts_with(tiff_, "II");
    if (tiff_.size() < 8 || (!little && !starts_with(tiff_, "MM"))) return {};
    little_ = little;
    if (u16(2) != 42) return {};
    read_directory(u32(4), false);
    if (exif_at_) read_directory(exif_at_, false);
    if (gps_at_) read_directory(gps_at_, true);
    return std::move(exif_);
  }

 private:
  std::uint32_t u16(std::size_t at) const {
    return little_ ? little16(tiff_, at) : big16(tiff_, at);
  }
  std::uint32_t u32(std::size_t at) const {
    return little_ ? little32(tiff_, at) : big32(tiff_, at);
  }

  void read_directory(std::size_t at, bool gps) {
    if (at > tiff_.size() || tiff_.size() - at < 2) return;
    const std::size_t count = u16(at);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t entry = at + 2 + i * 12;
      if (entry + 12 > tiff_.size() || ++entries_ > max_entries) return;
      read_entry(entry, gps);
    }
  }

  void read_entry(std::size_t entry, bool gps) {
    const std::uint32_t tag = u16(entry), type = u16(entry + 2), count = u32(entry + 4);
    const std::uint64_t size = std::uint64_t{type_size(type)} * count;
    if (size == 0 || size > tiff_.size()) return;
    const std::size_t at = size <= 4 ? entry + 8 : u32(entry + 8);
    if (at > tiff_.size() || tiff_.size() - at < size) return;
    if (!gps && tag == tag_exif_directory && type == 4) {
      exif_at_ = u32(at);
    } else if (!gps && tag == tag_gps_directory && type == 4) {
      gps_at_ = u32(at);
    } else {
      keep(tag, gps, value_text(tag, gps, type, count, at), type == 3 ? u16(at) : 0);
    }
  }

  void keep(std::uint32_t tag, bool gps, std::string text, std::uint32_t number) {
    kept_bytes_ += text.size();
    if (kept_bytes_ > max_metadata_bytes) return;
    if (!gps && tag == tag_orientation && number >= 1 && number <= 8)
      exif_.orientation = static_cast<int>(number);
    if (!gps && tag == tag_user_comment) exif_.user_comment = text;
    exif_.fields.emplace_back(name_of(tag, gps), std::move(text));
  }

  std::string value_text(std::uint32_t tag, bool gps, std::uint32_t type, std::uint32_t count,
                         std::size_t at) const {
    const Bytes value = tiff_.subspan(at, type_size(type) * count);
    if (!gps && tag == tag_user_comment) return comment_text(value);
    if (!gps && tag >= tag_first_windows_text && tag <= tag_last_windows_text)
      return without_trailing_nul(utf16_to_utf8(as_text(value), ByteOrder::little));
    if (type == 2) return without_trailing_nul(utf8_or_latin1(as_text(value)));
    if (count > max_listed_values) return fmt::format("({} bytes)", value.size());
    std::string text;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i > 0) text += ' ';
      text += number_text(type, at + i * type_size(type));
    }
    return text;
  }

  std::string number_text(std::uint32_t type, std::size_t at) const {
    switch (type) {
      case 1:
      case 7:
        return fmt::to_string(byte_at(tiff_, at));
      case 3:
        return fmt::to_string(u16(at));
      case 4:
        return fmt::to_string(u32(at));
      case 5:
        return fmt::format("{}/{}", u32(at), u32(at + 4));
      case 6:
        return fmt::to_string(static_cast<std::int8_t>(byte_at(tiff_, at)));
      case 8:
        return fmt::to_string(static_cast<std::int16_t>(u16(at)));
      case 9:
        return fmt::to_string(static_cast<std::int32_t>(u32(at)));
      case 10:
        return fmt::format("{}/{}", static_cast<std::int32_t>(u32(at)),
                           static_cast<std::int32_t>(u32(at + 4)));
      default:
        return "(floating point)";
    }
  }

  Bytes tiff_;
  bool little_ = false;
  int entries_ = 0;
  std::size_t kept_bytes_ = 0;
  std::size_t exif_at_ = 0;
  std::size_t gps_at_ = 0;
  Exif exif_;
};

void put16(std::string& out, std::uint32_t value) {
  out.push_back(static_cast<char>(value >> 8 & 0xFF));
  out.push_back(static_cast<char>(value & 0xFF));
}

void put32(std::string& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xFFFF);
}

/// A directory of one entry, with no directory after it: 18 bytes.
void put_directory(std::string& out, std::uint32_t tag, std::uint32_t type, std::uint32_t count,
                   std::uint32_t value) {
  put16(out, 1);
  put16(out, tag);
  put16(out, type);
  put32(out, count);
  put32(out, value);
  put32(out, 0);
}

}  // namespace

Exif parse_exif(std::span<const std::byte> tiff) { return Reader(tiff).read(); }

std::vector<std::byte> exif_with_comment(const std::string& utf8) {
  constexpr std::uint32_t header = 8, directory = 18, type_long = 4, type_undefined = 7;
  std::string comment("UNICODE\0", 8);
  comment += utf8_to_utf16_be(utf8);
  std::string out("MM\0*", 4);
  put32(out, header);
  put_directory(out, tag_exif_directory, type_long, 1, header + directory);
  put_directory(out, tag_user_comment, type_undefined, static_cast<std::uint32_t>(comment.size()),
                header + 2 * directory);
  out += comment;
  const auto bytes = std::as_bytes(std::span(out));
  return {bytes.begin(), bytes.end()};
}

}  // namespace sumi
