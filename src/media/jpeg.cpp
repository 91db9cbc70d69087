#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>

// clang-format off: jpeglib.h needs <cstdio> first, jerror.h needs jpeglib.h
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

#include "core/error.h"
#include "media/codec.h"
#include "media/colour.h"
#include "media/exif.h"
#include "media/unicode.h"

namespace sumi {
namespace {

constexpr std::string_view exif_prefix("Exif\0\0", 6);
constexpr std::string_view icc_prefix("ICC_PROFILE\0", 12);
constexpr std::string_view xmp_prefix("http://ns.adobe.com/xap/1.0/\0", 29);
constexpr int max_scans = 100;  // progressive files of a few bytes could ask for thousands
constexpr int max_side = 65500;
constexpr std::size_t max_segment = 65533;

[[noreturn]] void damaged_jpeg(const std::string& origin, const std::string& what) {
  damaged(origin, ImageFormat::jpeg, what);
}

bool is_frame_header(std::uint32_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

bool stands_alone(std::uint32_t marker) {
  return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8);
}

/// The profile's numbered pieces in order; empty when one is missing.
std::vector<std::byte> joined_profile(const std::map<std::uint32_t, Bytes>& pieces,
                                      std::uint32_t count) {
  std::vector<std::byte> profile;
  if (pieces.size() != count) return profile;
  for (const auto& [number, piece] : pieces)
    profile.insert(profile.end(), piece.begin(), piece.end());
  return profile;
}

/// Walks the segments before the first scan and keeps what stands in them.
class Walk {
 public:
  Walk(Bytes bytes, const std::string& origin, Texts texts)
      : bytes_(bytes), origin_(origin), texts_(texts) {
    envelope_.format = ImageFormat::jpeg;
  }

  Envelope run() {
    std::size_t at = 2;
    for (int segments = 0;; ++segments) {
      if (segments > max_metadata_chunks)
        throw Error(fmt::format("{}: more than {} metadata segments", origin_, max_metadata_chunks),
                    "this is no ordinary picture; export it again without metadata");
      const std::uint32_t marker = next_marker(at);
      if (stands_alone(marker)) continue;
      if (marker == 0xDA || marker == 0xD9) break;
      if (bytes_.size() - at < 2) cut_short();
      const std::size_t length = big16(bytes_, at);
      if (length < 2 || length > bytes_.size() - at) cut_short();
      keep(marker, bytes_.subspan(at + 2, length - 2));
      at += length;
    }
    if (envelope_.width == 0) damaged_jpeg(origin_, "it has no frame header");
    envelope_.icc = joined_profile(profile_, profile_count_);
    return std::move(envelope_);
  }

 private:
  [[noreturn]] void cut_short() const { damaged_jpeg(origin_, "it is cut short in its headers"); }

  /// Any number of 0xFF may stand before a marker; other bytes between segments are skipped.
  std::uint32_t next_marker(std::size_t& at) const {
    for (; at + 1 < bytes_.size(); ++at) {
      const std::uint32_t marker = byte_at(bytes_, at + 1);
      if (byte_at(bytes_, at) != 0xFF || marker == 0x00 || marker == 0xFF) continue;
      at += 2;
      return marker;
    }
    cut_short();
  }

  void keep(std::uint32_t marker, Bytes data) {
    if (is_frame_header(marker) && envelope_.width == 0) {
      if (data.size() < 6) cut_short();
      envelope_.height = static_cast<int>(big16(data, 1));
      envelope_.width = static_cast<int>(big16(data, 3));
      if (envelope_.width == 0 || envelope_.height == 0)
        damaged_jpeg(origin_, "the header's size is out of range");
    } else if (marker == 0xE1 && starts_with(data, exif_prefix)) {
      if (envelope_.exif.empty()) envelope_.exif = data.subspan(exif_prefix.size());
    } else if (marker == 0xE2 && starts_with(data, icc_prefix) && data.size() > 14) {
      profile_.emplace(byte_at(data, 12), data.subspan(14));
      profile_count_ = byte_at(data, 13);
    } else if (texts_ == Texts::read && marker == 0xE1 && starts_with(data, xmp_prefix)) {
      keep_text(envelope_, origin_, "XMP",
                utf8_or_latin1(as_text(data.subspan(xmp_prefix.size()))));
    } else if (texts_ == Texts::read && marker == 0xFE) {
      keep_text(envelope_, origin_, "comment", utf8_or_latin1(as_text(data)));
    }
  }

  Bytes bytes_;
  const std::string& origin_;
  Texts texts_;
  Envelope envelope_;
  std::map<std::uint32_t, Bytes> profile_;
  std::uint32_t profile_count_ = 0;
};

/// libjpeg's error manager first, so that its pointer is ours.
struct ErrorState {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";
};

void on_error(j_common_ptr info) {
  auto& state = *reinterpret_cast<ErrorState*>(info->err);
  info->err->format_message(info, state.message);
  std::longjmp(state.jump, 1);
}

/// libjpeg goes on after damage and fills up with gray; to us damage is an error. What the
/// standard's many writers do without harm stays allowed.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR) return;
  on_error(info);
}

void on_output(j_common_ptr) {}

void on_progress(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= max_scans) return;
  auto& state = *reinterpret_cast<ErrorState*>(info->err);
  std::snprintf(state.message, sizeof(state.message), "more than %d scans", max_scans);
  std::longjmp(state.jump, 1);
}

void watch(jpeg_error_mgr*& slot, ErrorState& state) {
  slot = jpeg_std_error(&state.manager);
  state.manager.error_exit = on_error;
  state.manager.emit_message = on_message;
  state.manager.output_message = on_output;
}

struct Decompressor {
  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};
  ~Decompressor() { jpeg_destroy_decompress(&info); }
};

struct Compressor {
  jpeg_compress_struct info{};
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  ~Compressor() {
    jpeg_destroy_compress(&info);
    std::free(buffer);
  }
};

void start(Decompressor& jpeg, Bytes bytes) {
  jpeg_create_decompress(&jpeg.info);
  jpeg.progress.progress_monitor = on_progress;
  jpeg.info.progress = &jpeg.progress;
  jpeg_mem_src(&jpeg.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&jpeg.info, TRUE);
  const int stored = jpeg.info.num_components;
  jpeg.info.out_color_space = stored == 1 ? JCS_GRAYSCALE : stored == 4 ? JCS_CMYK : JCS_RGB;
}

/// The quality whose standard luminance table (ITU-T T.81, K.1) is nearest in its six lowest
/// frequencies, the last to be cut at 255: libjpeg scales the table by 5000/quality % below 50 and
/// by 200 - 2 quality % above.
int quality_of(const jpeg_decompress_struct& info) {
  constexpr double kStandardSum = 16 + 11 + 10 + 12 + 12 + 14;
  // The number comes from the file; libjpeg looks at it only when it decodes.
  const int number = info.comp_info[0].quant_tbl_no;
  const auto* table =
      number >= 0 && number < NUM_QUANT_TBLS ? info.quant_tbl_ptrs[number] : nullptr;
  if (!table) return 0;
  double sum = 0;
  for (const int place : {0, 1, 2, 8, 9, 16}) sum += table->quantval[place];
  const double percent = 100 * sum / kStandardSum;
  const double quality = percent > 100 ? 5000 / percent : (200 - percent) / 2;
  return std::clamp(static_cast<int>(std::lround(quality)), 1, 100);
}

void reduce(jpeg_decompress_struct& info, JpegReduction& reduction) {
  reduction.quality = quality_of(info);
  const auto side = static_cast<int>(std::min(info.image_width, info.image_height));
  while (reduction.denominator < 8 && side / (2 * reduction.denominator) >= reduction.least_side_px)
    reduction.denominator *= 2;
  info.scale_num = 1;
  info.scale_denom = static_cast<unsigned>(reduction.denominator);
  jpeg_calc_output_dimensions(&info);
}

/// Rows are appended one by one: a hostile header costs address space, not memory.
void read_rows(Decompressor& jpeg, std::vector<std::uint8_t>& pixels) {
  jpeg_start_decompress(&jpeg.info);
  const std::size_t stride = std::size_t(jpeg.info.output_width) * jpeg.info.output_components;
  while (jpeg.info.output_scanline < jpeg.info.output_height) {
    pixels.resize(pixels.size() + stride);
    JSAMPROW row = pixels.data() + pixels.size() - stride;
    jpeg_read_scanlines(&jpeg.info, &row, 1);
  }
  jpeg_finish_decompress(&jpeg.info);
}

std::vector<std::byte> exif_segment(const std::string& infotext) {
  std::vector<std::byte> segment;
  for (const char byte : exif_prefix) segment.push_back(static_cast<std::byte>(byte));
  const auto tiff = exif_with_comment(infotext);
  segment.insert(segment.end(), tiff.begin(), tiff.end());
  if (segment.size() > max_segment)
    throw Error(fmt::format("the generation parameters take {} bytes; JPEG holds {}",
                            segment.size(), max_segment),
                "save as PNG or WebP, or without parameters");
  return segment;
}

void compress(Compressor& jpeg, const Image& image, const SaveOptions& options, Bytes exif) {
  jpeg_create_compress(&jpeg.info);
  jpeg_mem_dest(&jpeg.info, &jpeg.buffer, &jpeg.size);
  jpeg.info.image_width = static_cast<JDIMENSION>(image.width);
  jpeg.info.image_height = static_cast<JDIMENSION>(image.height);
  jpeg.info.input_components = image.channels;
  jpeg.info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg.info);
  jpeg_set_quality(&jpeg.info, options.quality, TRUE);
  jpeg.info.optimize_coding = TRUE;
  if (options.full_chroma)
    jpeg.info.comp_info[0].h_samp_factor = jpeg.info.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&jpeg.info, TRUE);
  if (!exif.empty())
    jpeg_write_marker(&jpeg.info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                      static_cast<unsigned>(exif.size()));
  const std::size_t stride = std::size_t(image.width) * image.channels;
  while (jpeg.info.next_scanline < jpeg.info.image_height) {
    auto* row = const_cast<JSAMPROW>(image.pixels.data() + jpeg.info.next_scanline * stride);
    jpeg_write_scanlines(&jpeg.info, &row, 1);
  }
  jpeg_finish_compress(&jpeg.info);
}

}  // namespace

Envelope open_jpeg(Bytes bytes, const std::string& origin, Texts texts) {
  return Walk(bytes, origin, texts).run();
}

Image decode_jpeg(Bytes bytes, const std::string& origin, Bytes icc) {
  JpegReduction whole{std::numeric_limits<int>::max()};
  return decode_jpeg(bytes, origin, icc, whole);
}

Image decode_jpeg(Bytes bytes, const std::string& origin, Bytes icc, JpegReduction& reduction) {
  const Envelope envelope = open_jpeg(bytes, origin, Texts::skip);
  ErrorState state{};
  Decompressor jpeg;
  watch(jpeg.info.err, state);
  if (!guarded(state.jump, [&] { start(jpeg, bytes); })) damaged_jpeg(origin, state.message);
  if (static_cast<int>(jpeg.info.image_width) != envelope.width ||
      static_cast<int>(jpeg.info.image_height) != envelope.height)
    damaged_jpeg(origin, "it states two sizes");
  const int stored = jpeg.info.num_components;
  if (stored != 1 && stored != 3 && stored != 4)
    damaged_jpeg(origin, fmt::format("{} channels", stored));

  if (!guarded(state.jump, [&] { reduce(jpeg.info, reduction); }))
    damaged_jpeg(origin, state.message);
  Image image{static_cast<int>(jpeg.info.output_width),
              static_cast<int>(jpeg.info.output_height),
              stored,
              {}};
  image.pixels.reserve(std::size_t(image.width) * image.height * image.channels);
  if (!guarded(state.jump, [&] { read_rows(jpeg, image.pixels); }))
    damaged_jpeg(origin, state.message);
  if (stored != 4) return image;
  if (jpeg.info.saw_Adobe_marker)  // Adobe stores the paper that shows, not the ink
    for (std::uint8_t& value : image.pixels) value = static_cast<std::uint8_t>(255 - value);
  return cmyk_to_rgb(image.width, image.height, image.pixels, icc);
}

std::vector<std::byte> encode_jpeg(const Image& image, const SaveOptions& options) {
  if (image.channels == 4) return encode_jpeg(flatten(image, {255, 255, 255}), options);
  if (image.width > max_side || image.height > max_side)
    throw Error(
        fmt::format("{}x{} pixels; JPEG holds {} on a side", image.width, image.height, max_side),
        "save as PNG, or make it smaller");
  const auto exif =
      options.infotext.empty() ? std::vector<std::byte>() : exif_segment(options.infotext);
  ErrorState state{};
  Compressor jpeg;
  watch(jpeg.info.err, state);
  if (!guarded(state.jump, [&] { compress(jpeg, image, options, exif); }))
    throw Error(fmt::format("JPEG writing failed: {}", state.message));
  const auto* begin = reinterpret_cast<const std::byte*>(jpeg.buffer);
  return {begin, begin + jpeg.size};
}

}  // namespace sumi
