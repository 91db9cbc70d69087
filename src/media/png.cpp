#include <fmt/format.h>
#include <png.h>
#include <zlib.h>

#include <cstring>
#include <optional>

#include "core/error.h"
#include "media/codec.h"
#include "media/unicode.h"

namespace sumi {
namespace {

constexpr std::string_view signature("\x89PNG\r\n\x1a\n", 8);
constexpr std::size_t chunk_overhead = 12;     // length, type, checksum
constexpr std::uint64_t deflate_ratio = 1032;  // the most one compressed byte can stand for

struct Chunk {
  std::string_view type;
  Bytes data;
};

struct Layout {
  int width = 0;
  int height = 0;
  int bit_depth = 0;
  int colour_type = 0;
  bool transparency_chunk = false;
  std::uint64_t compressed_bytes = 0;
  std::vector<Bytes> shown_to_libpng;  // runs of signature, critical chunks and tRNS
  std::vector<Chunk> ancillary;
};

[[noreturn]] void damaged_png(const std::string& origin, const std::string& what) {
  damaged(origin, ImageFormat::png, what);
}

/// libpng sees only what shapes the pixels; texts, profiles and unknown chunks never reach it.
void show(Layout& layout, Bytes piece) {
  auto& runs = layout.shown_to_libpng;
  if (!runs.empty() && runs.back().data() + runs.back().size() == piece.data())
    runs.back() = Bytes(runs.back().data(), runs.back().size() + piece.size());
  else
    runs.push_back(piece);
}

void read_header(Layout& layout, Bytes data, const std::string& origin) {
  if (data.size() != 13) damaged_png(origin, "the header has a wrong length");
  const std::uint32_t width = big32(data, 0), height = big32(data, 4);
  if (width == 0 || height == 0 || width > 0x7FFFFFFF || height > 0x7FFFFFFF)
    damaged_png(origin, "the header's size is out of range");
  layout.width = static_cast<int>(width);
  layout.height = static_cast<int>(height);
  layout.bit_depth = static_cast<int>(byte_at(data, 8));
  layout.colour_type = static_cast<int>(byte_at(data, 9));
}

Layout walk(Bytes bytes, const std::string& origin) {
  Layout layout;
  show(layout, bytes.first(signature.size()));
  for (std::size_t at = signature.size();;) {
    if (bytes.size() - at < chunk_overhead)
      damaged_png(origin, fmt::format("cut short at byte {}", at));
    const std::uint32_t length = big32(bytes, at);
    const std::string_view type = as_text(bytes.subspan(at + 4, 4));
    if (length > bytes.size() - at - chunk_overhead)
      damaged_png(origin, fmt::format("the chunk at byte {} ends after the file", at));
    const Bytes data = bytes.subspan(at + 8, length);
    if ((at == signature.size()) != (type == "IHDR"))
      damaged_png(origin, "the header is missing or stands twice");
    if (type == "IHDR") read_header(layout, data, origin);
    if (type == "IDAT") layout.compressed_bytes += length;
    if (type == "tRNS") layout.transparency_chunk = true;
    const bool critical = (type[0] & 0x20) == 0;
    if (critical || type == "tRNS")
      show(layout, bytes.subspan(at, length + chunk_overhead));
    else
      layout.ancillary.push_back({type, data});
    if (layout.ancillary.size() > max_metadata_chunks)
      throw Error(fmt::format("{}: more than {} metadata chunks", origin, max_metadata_chunks),
                  "this is no ordinary picture; export it again without metadata");
    if (type == "IEND") return layout;
    at += length + chunk_overhead;
  }
}

/// Nothing when the stream is damaged or holds more than `max_bytes`.
std::optional<std::string> inflate_at_most(Bytes compressed, std::size_t max_bytes) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  char block[16384];
  int state = Z_OK;
  while (state == Z_OK && out.size() <= max_bytes) {
    stream.next_out = reinterpret_cast<Bytef*>(block);
    stream.avail_out = sizeof(block);
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(block, sizeof(block) - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || out.size() > max_bytes) return std::nullopt;
  return out;
}

/// Cuts the part up to the next NUL off the front; false when there is none.
bool take_string(Bytes& data, std::string_view& out) {
  const std::size_t end = as_text(data).find('\0');
  if (end == std::string_view::npos) return false;
  out = as_text(data.first(end));
  data = data.subspan(end + 1);
  return true;
}

std::string inflated_text(const std::string& origin, std::string_view keyword, Bytes data) {
  auto text = inflate_at_most(data, max_metadata_bytes);
  if (!text)
    damaged_png(origin,
                fmt::format("the compressed text \"{}\" is unreadable or longer than {} MiB",
                            latin1_to_utf8(keyword), max_metadata_bytes >> 20));
  return *std::move(text);
}

void read_text(Envelope& envelope, const Chunk& chunk, const std::string& origin) {
  Bytes data = chunk.data;
  std::string_view keyword, language, translated;
  if (!take_string(data, keyword)) return;
  std::string text;
  if (chunk.type == "tEXt") {
    text = latin1_to_utf8(as_text(data));
  } else if (chunk.type == "zTXt") {
    if (data.empty() || byte_at(data, 0) != 0) return;
    text = latin1_to_utf8(inflated_text(origin, keyword, data.subspan(1)));
  } else {
    if (data.size() < 2) return;
    const bool compressed = byte_at(data, 0) == 1;
    data = data.subspan(2);
    if (!take_string(data, language) || !take_string(data, translated)) return;
    text = compressed ? inflated_text(origin, keyword, data) : std::string(as_text(data));
    text = utf8_or_latin1(text);
  }
  keep_text(envelope, origin, latin1_to_utf8(keyword), std::move(text));
}

std::vector<std::byte> profile_of(Bytes data) {
  std::string_view name;
  if (!take_string(data, name) || data.empty()) return {};
  const auto profile = inflate_at_most(data.subspan(1), max_metadata_bytes);
  if (!profile) return {};
  const auto bytes = std::as_bytes(std::span(*profile));
  return {bytes.begin(), bytes.end()};
}

struct ReadState {
  std::jmp_buf jump;
  char message[128] = "";
  std::span<const Bytes> runs;
  std::size_t offset = 0;  // inside runs.front()
};

void on_error(png_structp png, png_const_charp message) {
  auto& state = *static_cast<ReadState*>(png_get_error_ptr(png));
  std::strncpy(state.message, message, sizeof(state.message) - 1);
  std::longjmp(state.jump, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, std::size_t count) {
  auto& state = *static_cast<ReadState*>(png_get_io_ptr(png));
  while (count > 0) {
    if (state.runs.empty()) png_error(png, "the data end too early");
    const Bytes rest = state.runs.front().subspan(state.offset);
    const std::size_t part = std::min(count, rest.size());
    std::memcpy(out, rest.data(), part);
    out += part;
    count -= part;
    state.offset += part;
    if (state.offset == state.runs.front().size()) {
      state.runs = state.runs.subspan(1);
      state.offset = 0;
    }
  }
}

struct ReadHandle {
  png_structp png = nullptr;
  png_infop info = nullptr;
  explicit ReadHandle(ReadState& state) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
    if (png) info = png_create_info_struct(png);
    if (!info) throw std::bad_alloc();
  }
  ~ReadHandle() { png_destroy_read_struct(&png, &info, nullptr); }
  ReadHandle(const ReadHandle&) = delete;
  ReadHandle& operator=(const ReadHandle&) = delete;
};

/// Whatever is stored arrives as 8-bit gray, RGB or RGBA.
void ask_for_eight_bits(png_structp png, png_infop info) {
  const int type = png_get_color_type(png, info);
  const bool transparent = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  if (transparent) png_set_tRNS_to_alpha(png);
  const bool gray = (type & PNG_COLOR_MASK_COLOR) == 0;
  const bool alpha = (type & PNG_COLOR_MASK_ALPHA) != 0 || transparent;
  if (gray && alpha) png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

/// Refuses a header that promises more pixels than the compressed bytes can hold, before room is
/// made.
void check_promise(const Layout& layout, const std::string& origin) {
  const int samples = layout.colour_type == PNG_COLOR_TYPE_RGB          ? 3
                      : layout.colour_type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                      : layout.colour_type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                                        : 1;
  const std::uint64_t bits = std::uint64_t(layout.width) * samples * layout.bit_depth;
  if ((bits + 7) / 8 * layout.height > layout.compressed_bytes * deflate_ratio)
    damaged_png(origin, "it holds fewer pixels than its header says");
}

struct WriteState {
  std::jmp_buf jump;
  char message[128] = "";
  std::vector<std::byte>* out = nullptr;
};

void on_write_error(png_structp png, png_const_charp message) {
  auto& state = *static_cast<WriteState*>(png_get_error_ptr(png));
  std::strncpy(state.message, message, sizeof(state.message) - 1);
  std::longjmp(state.jump, 1);
}

void on_write(png_structp png, png_bytep bytes, std::size_t count) {
  auto& out = *static_cast<WriteState*>(png_get_io_ptr(png))->out;
  bool room = true;
  try {
    const auto* begin = reinterpret_cast<const std::byte*>(bytes);
    out.insert(out.end(), begin, begin + count);
  } catch (...) {
    room = false;
  }
  if (!room) png_error(png, "out of memory");
}

void on_flush(png_structp) {}

struct WriteHandle {
  png_structp png = nullptr;
  png_infop info = nullptr;
  explicit WriteHandle(WriteState& state) {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, on_write_error, on_warning);
    if (png) info = png_create_info_struct(png);
    if (!info) throw std::bad_alloc();
  }
  ~WriteHandle() { png_destroy_write_struct(&png, &info); }
  WriteHandle(const WriteHandle&) = delete;
  WriteHandle& operator=(const WriteHandle&) = delete;
};

}  // namespace

Envelope open_png(Bytes bytes, const std::string& origin, Texts texts) {
  const Layout layout = walk(bytes, origin);
  Envelope envelope;
  envelope.format = ImageFormat::png;
  envelope.width = layout.width;
  envelope.height = layout.height;
  envelope.has_alpha =
      (layout.colour_type & PNG_COLOR_MASK_ALPHA) != 0 || layout.transparency_chunk;
  for (const Chunk& chunk : layout.ancillary) {
    if (chunk.type == "eXIf" && envelope.exif.empty()) envelope.exif = chunk.data;
    if (chunk.type == "iCCP" && envelope.icc.empty()) envelope.icc = profile_of(chunk.data);
    const bool text = chunk.type == "tEXt" || chunk.type == "zTXt" || chunk.type == "iTXt";
    if (text && texts == Texts::read) read_text(envelope, chunk, origin);
  }
  return envelope;
}

Image decode_png(Bytes bytes, const std::string& origin) {
  const Layout layout = walk(bytes, origin);
  check_promise(layout, origin);
  ReadState state;
  state.runs = layout.shown_to_libpng;
  const ReadHandle handle(state);
  png_structp png = handle.png;
  png_infop info = handle.info;
  const bool opened = guarded(state.jump, [&] {
    png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);  // the size was already judged
    png_set_read_fn(png, &state, on_read);
    png_read_info(png, info);
    ask_for_eight_bits(png, info);
  });
  if (!opened) damaged_png(origin, state.message);

  Image image{layout.width, layout.height, png_get_channels(png, info), {}};
  const std::size_t stride = std::size_t(image.width) * image.channels;
  if (png_get_rowbytes(png, info) != stride) damaged_png(origin, "its rows have a wrong length");
  image.pixels.resize(stride * image.height);
  std::vector<png_bytep> rows(image.height);
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = image.pixels.data() + y * stride;
  const bool complete = guarded(state.jump, [&] {
    png_read_image(png, rows.data());
    png_read_end(png, nullptr);
  });
  if (!complete) damaged_png(origin, state.message);
  return image;
}

std::vector<std::byte> encode_png(const Image& image, const SaveOptions& options) {
  std::vector<std::byte> out;
  WriteState state;
  state.out = &out;
  const WriteHandle handle(state);
  png_structp png = handle.png;
  png_infop info = handle.info;
  const int type = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                   : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                         : PNG_COLOR_TYPE_RGB_ALPHA;
  // Latin-1 in tEXt as everybody reads it, anything else as UTF-8 in iTXt.
  const auto latin1 = utf8_to_latin1(options.infotext);
  std::string text_bytes = latin1 ? *latin1 : options.infotext;
  char keyword[] = "parameters";
  png_text text{};
  text.compression = latin1 ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
  text.key = keyword;
  text.text = text_bytes.data();
  text.text_length = text_bytes.size();
  const std::size_t stride = std::size_t(image.width) * image.channels;
  const bool written = guarded(state.jump, [&] {
    png_set_write_fn(png, &state, on_write, on_flush);
    png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);
    png_set_IHDR(png, info, image.width, image.height, 8, type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!options.infotext.empty()) png_set_text(png, info, &text, 1);
    png_write_info(png, info);
    for (int y = 0; y < image.height; ++y) png_write_row(png, image.pixels.data() + y * stride);
    png_write_end(png, info);
  });
  if (!written) throw Error(fmt::format("PNG writing failed: {}", state.message));
  return out;
}

}  // namespace sumi
