#include "data/sprites.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "core/error.h"
#include "data/collection.h"
#include "data/furniture.h"
#include "data/iconify.h"
#include "data/rasterise.h"
#include "data/sources.h"
#include "data/tiles.h"
#include "media/colour.h"
#include "media/resize.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// Raised whenever drawing or layout changes, so that old files are made again.
constexpr int kSpriteVersion = 3;
constexpr int kVisibleAlpha = 8;

std::string key_of(std::span<const Row> rows, int size_px) {
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
    if (fs::path(row.file).is_absolute()) return load_picture(row, drawn_px);
    const auto& source = find_source(row.source);
    const auto file = source_folder(source, cache_) / row.file;
    // Models come as large as the picture; their edges are sampled finely.
    if (source.form == PictureForm::models) return models(file).draw(row.item, size_px, row.id);
    if (source.form == PictureForm::tiles) return tiles(file).patch(row.item, size_px, row.id);
    if (!row.item.empty())
      return rasterise_svg(icons(file).svg(row.item), drawn_px, row.id, kTrusted);
    if (file.extension() == ".svg")
      return rasterise_svg(read_text_file(file), drawn_px, row.id,
                           source.form == PictureForm::portraits ? kTrusted : SvgLimits{});
    return load_image(file);
  }

 private:
  /// The icon sets and portraits come from known packages and number thousands.
  static constexpr SvgLimits kTrusted{.max_seconds = 0};

  const IconSet& icons(const fs::path& file) {
    if (!icons_ || icons_file_ != file) {
      icons_ = std::make_unique<IconSet>(read_json(file), file.string());
      icons_file_ = file;
    }
    return *icons_;
  }

  FurnitureDrawer& models(const fs::path& file) {
    if (!models_ || models_file_ != file) {
      models_ = std::make_unique<FurnitureDrawer>(file);
      models_file_ = file;
    }
    return *models_;
  }

  const TileSet& tiles(const fs::path& file) {
    if (!tiles_ || tiles_file_ != file) {
      tiles_ = std::make_unique<TileSet>(read_text_file(file), file.string());
      tiles_file_ = file;
    }
    return *tiles_;
  }

  fs::path cache_;
  fs::path icons_file_, models_file_, tiles_file_;
  std::unique_ptr<IconSet> icons_;
  std::unique_ptr<FurnitureDrawer> models_;
  std::unique_ptr<TileSet> tiles_;
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

/// Standard deviation of the visible part's colours about their mean, over all channels.
double colour_spread(const Image& premultiplied, const std::array<std::uint8_t, 3>& mean) {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < premultiplied.pixels.size(); i += 4) {
    const double alpha = premultiplied.pixels[i + 3] / 255.0;
    if (alpha <= 0) continue;
    weight += alpha;
    for (std::size_t c = 0; c < 3; ++c)
      sum += alpha * std::pow(premultiplied.pixels[i + c] / alpha - mean[c], 2) / 3;
  }
  return weight > 0 ? std::sqrt(sum / weight) : 0;
}

std::vector<unsigned char> packed(std::span<const std::uint8_t> pixels) {
  auto size = compressBound(static_cast<uLong>(pixels.size()));
  std::vector<unsigned char> result(size);
  if (compress2(result.data(), &size, pixels.data(), static_cast<uLong>(pixels.size()), 6) != Z_OK)
    throw Error("a sprite could not be packed", "is there enough memory?");
  result.resize(size);
  return result;
}

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>((value >> shift) & 255);
  return bytes;
}

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

/// Layout: the packed sprites one after another, the JSON index, the index's length in 8 bytes
/// little-endian. So it is written as it is made, whatever its size.
void write_sprites(std::span<const Row> rows, int size_px, const fs::path& cache,
                   const fs::path& target, const ProgressSink& sink) {
  Progress progress(fmt::format("drawing {} px sprites", size_px),
                    static_cast<std::int64_t>(rows.size()), sink);
  Drawer drawer(cache);
  Json index = {{"sprites", Json::array()}, {"damaged", Json::array()}};
  fs::create_directories(target.parent_path());
  AtomicFile out(target);
  std::uint64_t offset = 0;
  for (const auto& row : rows) {
    try {
      auto picture = drawer.draw(row, size_px);
      // The edges of a tile belong to it.
      const auto sprite = is_tile(row) ? premultiply(std::move(picture))
                                       : trimmed_premultiplied(picture, size_px, row.id);
      const auto bytes = packed(sprite.pixels);
      const auto mean = mean_colour(sprite);
      out.write(std::as_bytes(std::span(bytes)));
      index["sprites"].push_back({sprite.width, sprite.height, offset, bytes.size(), mean,
                                  std::round(colour_spread(sprite, mean) * 100) / 100});
      offset += bytes.size();
    } catch (const Error& error) {
      index["sprites"].push_back({0, 0, 0, 0, {0, 0, 0}, 0});
      index["damaged"].push_back(fmt::format("{}: {}", row.id, error.what()));
    }
    progress.advance();
  }
  const auto text = index.dump();
  out.write(text);
  out.write(little_endian(text.size()));
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

std::span<const std::uint8_t> unpacked_pixels(const Sprite& sprite,
                                              std::vector<std::uint8_t>& storage) {
  if (sprite.packed.empty()) return sprite.pixels;
  storage.resize(static_cast<std::size_t>(sprite.width) * static_cast<std::size_t>(sprite.height) *
                 4);
  auto size = static_cast<uLong>(storage.size());
  const auto status =
      uncompress(storage.data(), &size, reinterpret_cast<const Bytef*>(sprite.packed.data()),
                 static_cast<uLong>(sprite.packed.size()));
  if (status != Z_OK || size != storage.size())
    throw Error("a sprite of the cache is damaged",
                "remove the folder sprites of the cache; it is made again");
  return storage;
}

void SpriteSet::read(const fs::path& file, std::span<const std::size_t> places) {
  const MappedFile mapped(file);
  const auto bytes = mapped.bytes();
  const auto damaged_file = [&] {
    return Error(fmt::format("{}: the sprites do not fit their index", file.string()),
                 "remove the file; it is made again");
  };
  if (bytes.size() < 8) throw damaged_file();
  const auto length = little_endian(bytes.last(8));
  if (length > bytes.size() - 8) throw damaged_file();
  const auto text = bytes.subspan(bytes.size() - 8 - length, length);
  const auto index =
      parse_json({reinterpret_cast<const char*>(text.data()), text.size()}, file.string());
  const auto pixels = bytes.first(bytes.size() - 8 - length);
  if (index.at("sprites").size() != places.size()) throw damaged_file();

  constexpr int kMaxSide = 8192;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& entry = index.at("sprites").at(i);
    auto& sprite = sprites_[places[i]];
    sprite.width = entry.at(0), sprite.height = entry.at(1);
    const std::size_t offset = entry.at(2), size = entry.at(3);
    if (sprite.width < 0 || sprite.height < 0 || sprite.width > kMaxSide ||
        sprite.height > kMaxSide || offset > pixels.size() || size > pixels.size() - offset)
      throw damaged_file();
    sprite.packed = pixels.subspan(offset, size);
    sprite.mean_colour = entry.at(4).get<std::array<std::uint8_t, 3>>();
    sprite.colour_spread = entry.at(5);
  }
  for (const auto& line : index.at("damaged")) damaged_.push_back(line);
  owners_.push_back(mapped.owner());
}

SpriteSet SpriteSet::open(const std::vector<Row>& rows, int size_px, const fs::path& cache,
                          const ProgressSink& sink) {
  std::map<std::string, std::vector<std::size_t>> of_source;
  for (std::size_t i = 0; i < rows.size(); ++i) of_source[rows[i].source].push_back(i);
  SpriteSet set;
  set.sprites_.resize(rows.size());
  for (const auto& [source, places] : of_source) {
    std::vector<Row> drawn;
    for (const auto place : places) drawn.push_back(rows[place]);
    const auto file = cache / "sprites" / fmt::format("{}.sprites", key_of(drawn, size_px));
    if (!fs::exists(file)) write_sprites(drawn, size_px, cache, file, sink);
    set.read(file, places);
  }
  return set;
}

}  // namespace sumi
