#include "data/sprites.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "core/error.h"
#include "data/collection.h"
#include "data/iconify.h"
#include "data/rasterise.h"
#include "data/sources.h"
#include "media/colour.h"
#include "media/resize.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// Raised whenever drawing or layout changes, so that old files are made again.
constexpr int kSpriteVersion = 2;
constexpr int kVisibleAlpha = 8;

std::string key_of(const std::vector<Row>& rows, int size_px) {
  std::string text = fmt::format("{}|{}", kSpriteVersion, size_px);
  for (const auto& row : rows) text += fmt::format("|{}@{}", row.id, row.version);
  return fmt::format("{:016x}", XXH64(text.data(), text.size(), 0));
}

/// Draws rows, keeping the last icon set open: rows come sorted by source.
class Drawer {
 public:
  explicit Drawer(fs::path cache) : cache_(std::move(cache)) {}

  Image draw(const Row& row, int size_px) {
    // Drawn larger than needed: trimming and scaling then lose nothing.
    const int drawn_px = size_px * 2;
    if (row.source.starts_with("folder:")) return load_picture(row, drawn_px);
    const auto file = source_folder(find_source(row.source), cache_) / row.file;
    if (!row.item.empty())
      return rasterise_svg(icons(file).svg(row.item), drawn_px, row.id, kTrusted);
    if (file.extension() == ".svg") return rasterise_svg(read_text_file(file), drawn_px, row.id);
    return load_image(file);
  }

 private:
  /// The icon sets come from known packages and number thousands.
  static constexpr SvgLimits kTrusted{.max_seconds = 0};

  const IconSet& icons(const fs::path& file) {
    if (!icons_ || icons_file_ != file) {
      icons_ = std::make_unique<IconSet>(read_json(file), file.string());
      icons_file_ = file;
    }
    return *icons_;
  }

  fs::path cache_;
  fs::path icons_file_;
  std::unique_ptr<IconSet> icons_;
};

std::array<std::uint8_t, 3> mean_colour(const Image& premultiplied) {
  std::array<std::uint64_t, 4> sum{};
  for (std::size_t i = 0; i < premultiplied.pixels.size(); ++i)
    sum[i % 4] += premultiplied.pixels[i];
  const auto mean = [&](std::uint64_t value) {
    return static_cast<std::uint8_t>(
        sum[3] == 0 ? 0 : std::min<std::uint64_t>(255, value * 255 / sum[3]));
  };
  return {mean(sum[0]), mean(sum[1]), mean(sum[2])};
}

/// Layout: 8 bytes little-endian length of the JSON index, the index, the pixels one after another.
void write_sprites(const std::vector<Row>& rows, int size_px, const fs::path& cache,
                   const fs::path& target, const ProgressSink& sink) {
  Progress progress(fmt::format("drawing {} px sprites", size_px),
                    static_cast<std::int64_t>(rows.size()), sink);
  Drawer drawer(cache);
  Json index = {{"sprites", Json::array()}, {"damaged", Json::array()}};
  std::vector<std::uint8_t> pixels;
  for (const auto& row : rows) {
    try {
      const auto sprite = trimmed_premultiplied(drawer.draw(row, size_px), size_px, row.id);
      index["sprites"].push_back({sprite.width, sprite.height, pixels.size(), mean_colour(sprite)});
      pixels.insert(pixels.end(), sprite.pixels.begin(), sprite.pixels.end());
    } catch (const Error& error) {
      index["sprites"].push_back({0, 0, 0, {0, 0, 0}});
      index["damaged"].push_back(fmt::format("{}: {}", row.id, error.what()));
    }
    progress.advance();
  }
  const auto text = index.dump();
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>((text.size() >> (8 * i)) & 255);
  fs::create_directories(target.parent_path());
  AtomicFile out(target);
  out.write(std::string_view(length.data(), length.size()));
  out.write(text);
  out.write(std::as_bytes(std::span(pixels)));
  out.commit();
}

}  // namespace

Image trimmed_premultiplied(const Image& picture, int size_px, const std::string& origin) {
  if (picture.channels != 4)
    throw Error(fmt::format("{}: the picture has no transparency", origin),
                "use a cut-out picture");
  int left = picture.width, right = -1, top = picture.height, bottom = -1;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const auto at = (static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) +
                       static_cast<std::size_t>(x)) *
                      4;
      if (picture.pixels[at + 3] < kVisibleAlpha) continue;
      left = std::min(left, x), right = std::max(right, x), top = std::min(top, y),
      bottom = std::max(bottom, y);
    }
  if (right < left)
    throw Error(fmt::format("{}: nothing is visible", origin), "this picture is left out");
  Image cut{right - left + 1, bottom - top + 1, 4, {}};
  for (int y = top; y <= bottom; ++y) {
    const auto* row =
        picture.pixels.data() + (static_cast<std::ptrdiff_t>(y) * picture.width + left) * 4;
    cut.pixels.insert(cut.pixels.end(), row, row + static_cast<std::ptrdiff_t>(cut.width) * 4);
  }
  const double scale = static_cast<double>(size_px) / std::max(cut.width, cut.height);
  const int width = std::max(1, static_cast<int>(std::lround(cut.width * scale)));
  const int height = std::max(1, static_cast<int>(std::lround(cut.height * scale)));
  return resize_channels(premultiply(std::move(cut)), width, height, Filter::bilinear);
}

SpriteSet SpriteSet::open(const std::vector<Row>& rows, int size_px, const fs::path& cache,
                          const ProgressSink& sink) {
  const auto file = cache / "sprites" / fmt::format("{}.sprites", key_of(rows, size_px));
  if (!fs::exists(file)) write_sprites(rows, size_px, cache, file, sink);

  const MappedFile mapped(file);
  const auto bytes = mapped.bytes();
  const auto damaged_file = [&] {
    return Error(fmt::format("{}: the sprites do not fit their index", file.string()),
                 "remove the file; it is made again");
  };
  if (bytes.size() < 8) throw damaged_file();
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | std::to_integer<std::uint64_t>(bytes[static_cast<std::size_t>(i)]);
  if (length > bytes.size() - 8) throw damaged_file();
  const auto* text = reinterpret_cast<const char*>(bytes.data() + 8);
  const auto index = parse_json({text, length}, file.string());
  const auto pixels = bytes.subspan(8 + length);

  SpriteSet set;
  set.owner_ = mapped.owner();
  for (const auto& entry : index.at("sprites")) {
    Sprite sprite;
    sprite.width = entry.at(0), sprite.height = entry.at(1);
    const std::size_t offset = entry.at(2);
    const auto size =
        static_cast<std::size_t>(sprite.width) * static_cast<std::size_t>(sprite.height) * 4;
    if (sprite.width < 0 || sprite.height < 0 || offset > pixels.size() ||
        size > pixels.size() - offset)
      throw damaged_file();
    sprite.pixels = {reinterpret_cast<const std::uint8_t*>(pixels.data()) + offset, size};
    sprite.mean_colour = entry.at(3).get<std::array<std::uint8_t, 3>>();
    set.sprites_.push_back(sprite);
  }
  if (set.sprites_.size() != rows.size()) throw damaged_file();
  for (const auto& line : index.at("damaged")) set.damaged_.push_back(line);
  return set;
}

}  // namespace sumi
