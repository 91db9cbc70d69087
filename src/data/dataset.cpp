#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "data/collection.h"
#include "media/resize.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

void check(const DatasetConfig& config) {
  if (config.size_px < 8 || config.size_px > 1024)
    throw Error(fmt::format("pictures of {} px cannot be made", config.size_px),
                "choose size_px from 8 to 1024");
  if (config.sources.empty() && config.folders.empty())
    throw Error("the dataset names no sources", "list some, e.g. \"sources\": [\"noto\"]");
  SceneOptions::fields(config.scenes, [](const char* name, const double& share, const char*) {
    if (!(share >= 0) || !(share <= 1))
      throw Error(fmt::format("scenes.{}: {} is not a share", name, share),
                  "write a number from 0 to 1");
  });
}

/// Every row of every source, weighted so that a source counts by its weight and not by its size.
std::vector<Row> all_rows(const DatasetConfig& config, const fs::path& cache,
                          const ProgressSink& sink) {
  std::vector<Row> rows;
  const auto add = [&](std::vector<Row> more, double weight) {
    for (auto& row : more) row.weight *= weight;
    rows.insert(rows.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
  };
  for (const auto& id : config.sources) {
    const auto& source = find_source(id);
    add(manifest(source, cache, sink), source.weight);
  }
  for (const auto& folder : config.folders)
    add(folder_manifest(folder.path, folder.style, folder.cut_outs), folder.weight);
  return rows;
}

/// Names wanted by the config; Error for a listed concept that no source has.
std::set<std::string> wanted_names(const DatasetConfig& config, const std::vector<Row>& rows) {
  std::map<std::string, std::set<std::string>> sources_of;
  std::vector<std::string> order;
  for (const auto& row : rows)
    if (auto& sources = sources_of[row.name];
        sources.insert(row.source).second && sources.size() == 1)
      order.push_back(row.name);
  for (const auto& name : config.concepts)
    if (!sources_of.contains(name))
      throw Error(fmt::format("no source has a picture of \"{}\"", name),
                  "names are listed by: sumi data list --names");
  const std::set<std::string> listed(config.concepts.begin(), config.concepts.end());
  const auto source_count = config.sources.size() + config.folders.size();
  std::set<std::string> wanted;
  for (const auto& name : order) {
    if (!listed.empty() && !listed.contains(name)) continue;
    if (config.in_all_sources && sources_of[name].size() < source_count) continue;
    if (config.concept_limit > 0 && wanted.size() >= static_cast<std::size_t>(config.concept_limit))
      break;
    wanted.insert(name);
  }
  return wanted;
}

/// Where curate() fixed the side, names do not count.
bool is_in(Split split, const Row& row) {
  if (row.split.empty()) return belongs_to(split, row.style, row.name);
  switch (split) {
    case Split::train:
      return row.split == "train";
    case Split::validation:
    case Split::validation_concepts:
      return row.split == "validation";
    case Split::held_out:
      return row.split == "held_out";
    case Split::held_out_pairs:
      return false;
    case Split::scorer:
      break;
  }
  return true;
}

bool in_groups(const DatasetConfig& config, const Row& row) {
  const auto& groups = config.groups;
  return groups.empty() || std::find(groups.begin(), groups.end(), row.group) != groups.end() ||
         std::find(groups.begin(), groups.end(), row.subgroup) != groups.end();
}

Image opaque_square(Image picture, int size_px) {
  if (picture.channels == 1) {
    Image colour{picture.width, picture.height, 3, {}};
    for (const auto value : picture.pixels) colour.pixels.insert(colour.pixels.end(), 3, value);
    picture = std::move(colour);
  }
  if (picture.channels == 4) {
    Image flat{picture.width, picture.height, 3, {}};
    flat.pixels.reserve(picture.pixels.size() / 4 * 3);
    for (std::size_t i = 0; i < picture.pixels.size(); i += 4)
      for (std::size_t c = 0; c < 3; ++c) {
        const int alpha = picture.pixels[i + 3];
        flat.pixels.push_back(static_cast<std::uint8_t>(
            (picture.pixels[i + c] * alpha + 255 * (255 - alpha) + 127) / 255));
      }
    picture = std::move(flat);
  }
  return resize_to_cover(picture, size_px, size_px);
}

}  // namespace

Dataset::Dataset(DatasetConfig config, const fs::path& cache, const ProgressSink& sink)
    : config_(std::move(config)) {
  check(config_);
  split_ = split_named(config_.split);
  auto rows = all_rows(config_, cache, sink);
  std::erase_if(rows, [&](const Row& row) { return !in_groups(config_, row); });
  const auto wanted = wanted_names(config_, rows);
  std::erase_if(rows, [&](const Row& row) { return !wanted.contains(row.name); });

  // The sprites are those of the whole world, so that every split shares one file.
  std::vector<Row> drawn;
  for (const auto& row : rows)
    if (!is_whole_picture(row)) drawn.push_back(row);
  if (!drawn.empty()) sprites_ = SpriteSet::open(drawn, 2 * config_.size_px, cache, sink);

  double total = 0;
  std::size_t sprite = 0;
  for (auto& row : rows) {
    const bool whole = is_whole_picture(row);
    const auto place = whole ? 0 : sprite++;
    if (!is_in(split_, row) || (!whole && sprites_.at(place).width == 0)) continue;
    sprite_of_.push_back(place);
    cumulative_.push_back(total += row.weight);
    rows_.push_back(std::move(row));
  }
  if (rows_.empty() || !(total > 0))
    throw Error(fmt::format("the split \"{}\" of this dataset is empty", config_.split),
                "choose more sources, concepts or groups");
}

bool Dataset::is_whole_picture(const Row& row) const { return !row.caption.empty(); }

std::size_t Dataset::draw_row(Random& random) const {
  const double at = random.between(0, cumulative_.back());
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at);
  return std::min(static_cast<std::size_t>(found - cumulative_.begin()), rows_.size() - 1);
}

Scene Dataset::scene_at(Random& random, std::size_t first) const {
  const auto thing = [&](std::size_t row) {
    return Thing{&rows_[row], &sprites_.at(sprite_of_[row])};
  };
  if (random.chance(config_.scenes.pairs)) {
    for (int attempt = 0; attempt < 8; ++attempt) {
      const auto second = draw_row(random);
      if (is_whole_picture(rows_[second]) || rows_[second].name == rows_[first].name) continue;
      return pair_scene(random, thing(first), thing(second), config_.scenes);
    }
  }
  return single_scene(random, thing(first), config_.scenes);
}

Sample Dataset::at(std::uint64_t index) const {
  Random random(config_.seed, static_cast<std::uint64_t>(split_), index);
  const auto first = draw_row(random);
  const auto& row = rows_[first];
  if (is_whole_picture(row)) {
    return {opaque_square(load_picture(row, 2 * config_.size_px), config_.size_px), row.caption};
  }
  auto scene = scene_at(random, first);
  return {paint(scene, config_.size_px), std::move(scene.caption)};
}

std::string Dataset::caption_at(std::uint64_t index) const {
  Random random(config_.seed, static_cast<std::uint64_t>(split_), index);
  const auto first = draw_row(random);
  return is_whole_picture(rows_[first]) ? rows_[first].caption : scene_at(random, first).caption;
}

std::vector<std::string> Dataset::concepts() const {
  std::set<std::string> names;
  for (const auto& row : rows_) names.insert(row.name);
  return {names.begin(), names.end()};
}

DatasetConfig read_dataset_config(const fs::path& file) {
  DatasetConfig config;
  from_json(read_json(file), config, file.string());
  for (auto& folder : config.folders)
    folder.path = (file.parent_path() / folder.path).lexically_normal().string();
  return config;
}

}  // namespace sumi
