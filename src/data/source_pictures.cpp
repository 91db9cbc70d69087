#include "data/source_pictures.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "core/error.h"
#include "data/furniture.h"
#include "data/iconify.h"
#include "data/shard.h"
#include "data/words.h"
#include "media/geometry.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// Part of the file names, so that what is drawn otherwise makes the shard again.
constexpr int kIconShardVersion = 1, kModelShardVersion = 1;
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
std::vector<std::byte> model_picture(FurnitureDrawer& drawer, const std::string& item) {
  constexpr int kSide_px = 256, kLonger_px = 236, kQuality = 90;
  constexpr std::uint8_t kNothing[] = {255, 255, 255, 0};
  const auto drawn = drawer.draw(item, kLonger_px, item);
  auto square = filled_image(kSide_px, kSide_px, kNothing);
  paste(square, drawn, (kSide_px - drawn.width) / 2, (kSide_px - drawn.height) / 2);
  return encode_image(square, {.format = ImageFormat::webp, .quality = kQuality});
}

/// The models of a catalogue as WebP pictures, one for each item, which says model and side.
ItemShard model_shard(const fs::path& archive, const std::vector<std::string>& items,
                      const ProgressSink& sink) {
  const auto name = fmt::format("{}-{}", archive.stem().string(), kModelShardVersion);
  return shard_beside(archive, name, [&](ShardWriter& writer) {
    FurnitureDrawer drawer(archive);
    Progress progress(fmt::format("drawing the models of {}", archive.stem().string()),
                      static_cast<std::int64_t>(items.size()), sink);
    for (const auto& item : items) {
      progress.advance();
      try {
        const auto picture = model_picture(drawer, item);
        const ShardWriter::Part parts[] = {
            {"webp", {reinterpret_cast<const char*>(picture.data()), picture.size()}}};
        writer.add(item, parts);
      } catch (const Error&) {
        // A damaged model: who asks for it finds it missing.
      }
    }
  });
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
  for (const auto& [file, in_it] : items)
    shards.emplace(file, source.form == PictureForm::models ? model_shard(file, in_it, sink)
                                                            : icon_shard(file, source.id, sink));
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
