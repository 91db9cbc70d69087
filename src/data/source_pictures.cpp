#include "data/source_pictures.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "core/error.h"
#include "data/furniture.h"
#include "data/iconify.h"
#include "data/shard.h"
#include "data/tiles.h"
#include "data/words.h"
#include "media/geometry.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// Part of the file names, so that what is drawn otherwise makes the shard again.
constexpr int kIconShardVersion = 1, kDrawnShardVersion = 1;
constexpr int kDrawn_px = 256;
constexpr std::uint64_t kOneShard = std::uint64_t{1} << 40;

/// Where each of the pictures that one file holds lies, as Row::item tells it.
struct ItemShard {
  fs::path file;
  std::map<std::string, std::string> items;
};

/// Gives a shard's writer every picture that can be made, under its item's name.
using LayOut = std::function<void(ShardWriter&)>;

/// The shard `name` beside `file`, made by `lay_out` when it is not there.
ItemShard shard_beside(const fs::path& file, const std::string& name, const LayOut& lay_out) {
  ItemShard shard{file.parent_path() / (name + "-000000.tar"), {}};
  if (!fs::exists(shard.file)) {
    ShardWriter writer(file.parent_path(), name, kOneShard);
    lay_out(writer);
    writer.finish();
  }
  if (!fs::exists(shard.file)) return shard;  // not one could be made
  const MappedFile mapped(shard.file);
  for (const auto& member : list_shard(mapped.bytes(), shard.file.string()))
    shard.items.emplace(shard_key(member.name), fmt::format("{}+{}.{}", member.offset, member.size,
                                                            shard_extension(member.name)));
  return shard;
}

/// The icons of an Iconify set as SVG files.
ItemShard icon_shard(const fs::path& icons, const char* source, const ProgressSink& sink) {
  return shard_beside(icons, fmt::format("icons-{}", kIconShardVersion), [&](ShardWriter& writer) {
    const IconSet set(read_json(icons), icons.string());
    const auto names = set.names();
    Progress progress(fmt::format("laying out {}", source), static_cast<std::int64_t>(names.size()),
                      sink);
    for (const auto& icon : names) {
      progress.advance();
      try {
        const auto svg = set.svg(icon);
        const ShardWriter::Part parts[] = {{"svg", svg}};
        writer.add(icon, parts);
      } catch (const Error&) {
        // An alias of nothing: who asks for it finds it missing.
      }
    }
  });
}

/// A model in the middle of a transparent square, as icons stand in theirs.
Image model_picture(FurnitureDrawer& drawer, const std::string& item) {
  constexpr int kLonger_px = 236;
  constexpr std::uint8_t kNothing[] = {255, 255, 255, 0};
  const auto drawn = drawer.draw(item, kLonger_px, item);
  auto square = filled_image(kDrawn_px, kDrawn_px, kNothing);
  paste(square, drawn, (kDrawn_px - drawn.width) / 2, (kDrawn_px - drawn.height) / 2);
  return square;
}

/// What has no picture until it is drawn, as WebP, one for each item.
ItemShard drawn_shard(const fs::path& file, const std::vector<std::string>& items,
                      const std::function<Image(const std::string& item)>& draw,
                      const ProgressSink& sink) {
  constexpr int kQuality = 90;
  const auto name = fmt::format("{}-{}", file.stem().string(), kDrawnShardVersion);
  return shard_beside(file, name, [&](ShardWriter& writer) {
    Progress progress(fmt::format("drawing {}", file.stem().string()),
                      static_cast<std::int64_t>(items.size()), sink);
    for (const auto& item : items) {
      progress.advance();
      try {
        const auto picture =
            encode_image(draw(item), {.format = ImageFormat::webp, .quality = kQuality});
        const ShardWriter::Part parts[] = {
            {"webp", {reinterpret_cast<const char*>(picture.data()), picture.size()}}};
        writer.add(item, parts);
      } catch (const Error&) {
        // Damaged: who asks for it finds it missing.
      }
    }
  });
}

ItemShard shard_of(const Source& source, const fs::path& file,
                   const std::vector<std::string>& items, const ProgressSink& sink) {
  if (source.form == PictureForm::models) {
    FurnitureDrawer drawer(file);
    const auto draw = [&](const std::string& item) { return model_picture(drawer, item); };
    return drawn_shard(file, items, draw, sink);
  }
  if (source.form == PictureForm::tiles) {
    const TileSet tiles(read_text_file(file), file.string());
    const auto draw = [&](const std::string& item) { return tiles.patch(item, kDrawn_px, item); };
    return drawn_shard(file, items, draw, sink);
  }
  return icon_shard(file, source.id, sink);
}

std::string caption_of(const Row& row) {
  const auto thing = with_article(row.name) + (row.view.empty() ? "" : " " + row.view);
  return row.style.empty() ? thing
                           : fmt::format("{} {} of {}", article_for(row.style), row.style, thing);
}

}  // namespace

Collection source_pictures(const Source& source, const fs::path& cache, const ProgressSink& sink) {
  const auto folder = fs::absolute(source_folder(source, cache)).lexically_normal();
  auto rows = manifest(source, cache, sink);
  std::map<std::string, std::vector<std::string>> items;  // of each file that holds many pictures
  for (auto& row : rows) {
    row.file = (folder / row.file).string();
    if (!row.item.empty()) items[row.file].push_back(row.item);
  }
  std::map<std::string, ItemShard> shards;
  for (const auto& [file, in_it] : items) shards.emplace(file, shard_of(source, file, in_it, sink));
  Collection found;
  for (auto& row : rows) {
    row.caption = caption_of(row);
    if (!row.item.empty()) {
      const auto& shard = shards.at(row.file);
      const auto item = shard.items.find(row.item);
      if (item == shard.items.end()) {
        found.complaints.push_back(
            fmt::format("{}: no picture can be made of {}", row.id, row.item));
        continue;
      }
      row.file = shard.file.string();
      row.item = item->second;
    }
    found.pictures.push_back({std::move(row), true, false});
  }
  return found;
}

}  // namespace sumi
