#include "data/source_pictures.h"

#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "data/iconify.h"
#include "data/shard.h"
#include "data/words.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// Part of the file name, so that icons drawn otherwise make the shard again.
constexpr int kIconShardVersion = 1;
constexpr std::uint64_t kOneShard = std::uint64_t{1} << 40;

/// Where each icon lies, as Row::item tells it.
struct IconShard {
  fs::path file;
  std::map<std::string, std::string> items;
};

/// The shard beside `icons`, a file of an Iconify set, made when it is not there.
IconShard icon_shard(const fs::path& icons, const char* source, const ProgressSink& sink) {
  const auto name = fmt::format("icons-{}", kIconShardVersion);
  IconShard shard{icons.parent_path() / (name + "-000000.tar"), {}};
  if (!fs::exists(shard.file)) {
    const IconSet set(read_json(icons), icons.string());
    const auto names = set.names();
    Progress progress(fmt::format("laying out {}", source), static_cast<std::int64_t>(names.size()),
                      sink);
    ShardWriter writer(icons.parent_path(), name, kOneShard);
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
    writer.finish();
  }
  const MappedFile mapped(shard.file);
  for (const auto& member : list_shard(mapped.bytes(), shard.file.string()))
    shard.items.emplace(shard_key(member.name),
                        fmt::format("{}+{}.svg", member.offset, member.size));
  return shard;
}

std::string caption_of(const Row& row) {
  const auto thing = with_article(row.name);
  return row.style.empty() ? thing
                           : fmt::format("{} {} of {}", article_for(row.style), row.style, thing);
}

}  // namespace

Collection source_pictures(const Source& source, const fs::path& cache, const ProgressSink& sink) {
  if (source.form == PictureForm::models)
    throw Error(fmt::format("{} holds models, which are drawn for scenes only", source.id),
                "inspect a source of pictures");
  const auto folder = fs::absolute(source_folder(source, cache)).lexically_normal();
  Collection found;
  std::map<std::string, IconShard> shards;
  for (auto& row : manifest(source, cache, sink)) {
    const auto file = folder / row.file;
    row.file = file.string();
    row.caption = caption_of(row);
    if (!row.item.empty()) {
      auto shard = shards.find(row.file);
      if (shard == shards.end())
        shard = shards.emplace(row.file, icon_shard(file, source.id, sink)).first;
      const auto item = shard->second.items.find(row.item);
      if (item == shard->second.items.end()) {
        found.complaints.push_back(fmt::format("{}: there is no icon {}", row.id, row.item));
        continue;
      }
      row.file = shard->second.file.string();
      row.item = item->second;
    }
    found.pictures.push_back({std::move(row), true, false});
  }
  return found;
}

}  // namespace sumi
