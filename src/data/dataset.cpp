#include "data/dataset.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "data/arrangements.h"
#include "data/collection.h"
#include "data/mask.h"
#include "data/portraits.h"
#include "data/tiles.h"
#include "media/metadata.h"

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
  const auto& scenes = config.scenes;
  if (scenes.counts + scenes.textiles + scenes.posters + scenes.abstract_art + scenes.teaching +
          scenes.rooms >
      1)
    throw Error(
        "counts, textiles, posters, abstract_art, teaching and rooms are more than 1 together",
        "lower some of them; what is left are plain scenes");
  check(config.framing);
  check(config.likeness);
  check_mask_kind(config.masks);
  if (config.buckets.step_px != 0) bucket_sizes(config.size_px, config.buckets);
}

/// Every row of every source, its weight times the source's.
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

/// What fills a picture by itself and is chosen by no name.
bool stands_alone(const Row& row) { return is_portrait(row) || is_tile(row); }

/// Names wanted by the config, those aside; Error for a listed concept that no source has.
std::set<std::string> wanted_names(const DatasetConfig& config, const std::vector<Row>& rows) {
  std::map<std::string, std::set<std::string>> sources_of;
  std::set<std::string> all_sources;
  std::vector<std::string> order;
  for (const auto& row : rows) {
    if (stands_alone(row)) continue;
    all_sources.insert(row.source);
    if (auto& sources = sources_of[row.name];
        sources.insert(row.source).second && sources.size() == 1)
      order.push_back(row.name);
  }
  for (const auto& name : config.concepts)
    if (!sources_of.contains(name))
      throw Error(fmt::format("no source has a picture of \"{}\"", name),
                  "names are listed by: sumi data list --names");
  const std::set<std::string> listed(config.concepts.begin(), config.concepts.end());
  std::set<std::string> wanted;
  for (const auto& name : order) {
    if (!listed.empty() && !listed.contains(name)) continue;
    if (config.in_all_sources && sources_of[name].size() < all_sources.size()) continue;
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
      return row.split == "held_out_pairs";
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

/// Scales the weights so that portraits are this share of what is drawn.
void balance_portraits(std::vector<Row>& rows, double share) {
  double portraits = 0, others = 0;
  for (const auto& row : rows) (is_portrait(row) ? portraits : others) += row.weight;
  if (share == 0 || portraits == 0 || others == 0) return;
  for (auto& row : rows) row.weight *= is_portrait(row) ? share / portraits : (1 - share) / others;
}

std::string why_endless(const std::vector<Row>& rows, const DatasetConfig& config) {
  for (const auto& row : rows)
    if (row.caption.empty()) return "its scenes are composed anew for every sample";
  if (!config.masks.empty()) return "what is kept of a picture has no mask";
  const auto& framing = config.framing;
  if ((framing.random_crop || framing.flips > 0) && framing.variants == 0)
    return "its crops and flips are drawn anew for every sample; framing.variants limits them";
  return "";
}

/// How often a row stands in an order of buckets.
std::uint32_t repeats_of(const Row& row) {
  constexpr double kMost = 1000;
  if (row.weight >= 1 && row.weight <= kMost && row.weight == std::floor(row.weight))
    return static_cast<std::uint32_t>(row.weight);
  throw Error(
      fmt::format("{}: its weight is {}, and buckets show a picture a whole number of times",
                  shown_name(row), row.weight),
      "give folders weights of 1, 2, 3, …");
}

PixelSize shape_of(const Row& row) {
  const PictureBytes picture(row);
  if (is_vector(row)) {
    constexpr int kDrawn = 64;
    const auto drawn = load_picture(row, kDrawn);
    return {drawn.width, drawn.height};
  }
  const auto metadata = read_metadata(picture.bytes(), row.id);
  const bool turned = metadata.orientation >= 5;  // EXIF 5 to 8 swap the sides
  const PixelSize size{metadata.width, metadata.height};
  if (size.width < 1 || size.height < 1)
    throw Error(fmt::format("{}: the picture says no size", shown_name(row)), "save it again");
  return turned ? PixelSize{size.height, size.width} : size;
}

}  // namespace

Dataset::Dataset(DatasetConfig config, const fs::path& cache, const ProgressSink& sink)
    : config_(std::move(config)) {
  check(config_);
  split_ = split_named(config_.split);
  // Splits of things kept back show those things; pictures without a thing belong to no concept.
  if (split_ == Split::held_out || split_ == Split::held_out_pairs ||
      split_ == Split::validation_concepts)
    config_.scenes.abstract_art = config_.scenes.teaching = 0;
  auto rows = all_rows(config_, cache, sink);
  std::erase_if(rows, [&](const Row& row) { return !in_groups(config_, row); });
  const auto wanted = wanted_names(config_, rows);
  std::erase_if(rows,
                [&](const Row& row) { return !stands_alone(row) && !wanted.contains(row.name); });

  const bool weighed = config_.likeness.weight < 1 && split_ != Split::scorer;
  if (weighed)
    weigh_families(rows, near_families(rows, config_.likeness, cache, sink), config_.likeness);

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
    if (weighed && row.weight == 0) continue;
    if (keeps_shapes() && !whole)
      throw Error(
          fmt::format("{} is a thing for scenes, and buckets are for whole pictures", row.id),
          "take buckets out of the world, or sources and cut_outs");
    sprite_of_.push_back(place);
    rows_.push_back(std::move(row));
  }
  balance_portraits(rows_, config_.scenes.portraits);
  for (const auto& row : rows_) cumulative_.push_back(total += row.weight);
  if (rows_.empty() || !(total > 0))
    throw Error(fmt::format("the split \"{}\" of this dataset is empty", config_.split),
                "choose more sources, concepts or groups");
  damaged_ = sprites_.damaged();
  why_endless_ = sumi::why_endless(rows_, config_);
  if (keeps_shapes()) measure_shapes(sink);
}

void Dataset::measure_shapes(const ProgressSink& sink) {
  Progress progress("reading the shapes of pictures", static_cast<std::int64_t>(rows_.size()),
                    sink);
  for (const auto& row : rows_) {
    repeats_of(row);
    shapes_.emplace_back();
    try {
      shapes_.back() = shape_of(row);
    } catch (const Error& error) {
      damaged_.push_back(error.what());
    }
    progress.advance();
  }
  if (damaged_.size() == rows_.size())
    throw Error(fmt::format("not one of {} pictures can be read; the first: {}", rows_.size(),
                            damaged_.front()),
                "check the pictures");
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
  if (auto scene = any_arrangement(random, thing(first), config_.scenes)) return *std::move(scene);
  if (random.chance(config_.scenes.pairs)) {
    for (int attempt = 0; attempt < 8; ++attempt) {
      const auto second = draw_row(random);
      const auto& other = rows_[second];
      if (is_whole_picture(other) || stands_alone(other) || other.name == rows_[first].name)
        continue;
      return pair_scene(random, thing(first), thing(second), config_.scenes);
    }
  }
  return single_scene(random, thing(first), config_.scenes);
}

Sample Dataset::whole_picture(const Row& row, PixelSize size, std::uint64_t variant,
                              const Recall& recall) const {
  const auto framing =
      draw_framing(config_.framing, size.width, size.height, config_.seed, row.id, variant);
  const int vector_px = 2 * std::max(size.width, size.height);
  Sample sample;
  sample.caption = row.caption;
  if (recall && why_endless_.empty()) {
    const PictureBytes picture(row);
    const auto content = XXH3_128bits(picture.bytes().data(), picture.bytes().size());
    sample.key = fmt::format("{:016x}{:016x} {}{}", content.high64, content.low64,
                             describe(framing), is_vector(row) ? " drawn" : "");
    sample.recalled = recall(sample.key);
    if (!sample.recalled.empty()) {
      sample.picture.width = size.width, sample.picture.height = size.height;
      return sample;
    }
  }
  Image picture = load_picture(row, vector_px);
  if (Image mask = mask_of(row, picture, config_.masks); mask.width > 0)
    sample.mask = framed(mask, framing);
  sample.picture = framed(opaque(std::move(picture)), framing);
  return sample;
}

Sample Dataset::at(std::uint64_t index, const Recall& recall) const {
  Random random(config_.seed, static_cast<std::uint64_t>(split_), index);
  const auto first = draw_row(random);
  const auto& row = rows_[first];
  if (is_whole_picture(row))
    return whole_picture(row, {config_.size_px, config_.size_px}, index, recall);
  auto scene = scene_at(random, first);
  return {paint(scene, config_.size_px), std::move(scene.caption)};
}

BucketOrder Dataset::order(int group) const {
  if (!keeps_shapes())
    throw Error("the world has no buckets", "give its file \"buckets\": {\"step_px\": 64}");
  // Stands for its row as often as the row's weight says.
  std::vector<std::uint32_t> rows;
  std::vector<PixelSize> shapes;
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    if (shapes_[i].width == 0) continue;
    rows.insert(rows.end(), repeats_of(rows_[i]), i);
    shapes.resize(rows.size(), shapes_[i]);
  }
  auto buckets = fill_buckets(shapes, bucket_sizes(config_.size_px, config_.buckets),
                              static_cast<std::size_t>(group));
  for (auto& bucket : buckets)
    for (auto& picture : bucket.pictures) picture = rows[picture];
  return {std::move(buckets), group, config_.seed + static_cast<std::uint64_t>(split_)};
}

Sample Dataset::at(const BucketOrder& order, std::uint64_t index, const Recall& recall) const {
  const auto place = order.at(index);
  const auto& [size, pictures] = order.buckets()[place.bucket];
  std::vector<std::string> damaged;
  auto row = place.picture;
  const auto start = Random(config_.seed, place.visit, index).below(pictures.size());
  for (std::size_t tried = 0;; ++tried) {
    try {
      auto sample = whole_picture(rows_[row], size, place.visit, recall);
      sample.passed_over = std::move(damaged);
      return sample;
    } catch (const Error& error) {
      damaged.push_back(error.what());
      if (tried < pictures.size())
        row = pictures[(start + tried) % pictures.size()];
      else
        throw Error(fmt::format("not one of the {} pictures of {}x{} px can be read; the first: {}",
                                pictures.size(), size.width, size.height, damaged.front()),
                    "check the pictures");
    }
  }
}

std::optional<Scene> Dataset::composition(std::uint64_t index) const {
  Random random(config_.seed, static_cast<std::uint64_t>(split_), index);
  const auto first = draw_row(random);
  if (is_whole_picture(rows_[first])) return std::nullopt;
  return scene_at(random, first);
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
