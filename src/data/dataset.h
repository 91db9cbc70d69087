#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/progress.h"
#include "data/buckets.h"
#include "data/compose.h"
#include "data/framing.h"
#include "data/likeness.h"
#include "data/manifest.h"
#include "data/split.h"
#include "data/sprites.h"
#include "media/image.h"

namespace sumi {

/// People's own pictures: whatever collect() reads.
struct FolderConfig {
  std::string path;
  std::string style;
  bool cut_outs = false;
  double weight = 1;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("path", self.path,
          "folder, shard, metadata.jsonl or .csv, or a list that sumi data curate wrote");
    visit("style", self.style, "words for the look of cut-outs");
    visit("cut_outs", self.cut_outs, "things on transparency, to be put on grounds");
    visit("weight", self.weight, "how often it is drawn, relative to the other sources");
  }
};

/// A world to learn: which things, in which styles, put together how.
struct DatasetConfig {
  std::vector<std::string> sources;
  std::vector<FolderConfig> folders;
  std::vector<std::string> concepts;
  std::vector<std::string> groups;
  bool in_all_sources = false;
  int concept_limit = 0;
  int size_px = 64;
  std::string split = "train";
  std::uint64_t seed = 0;
  SceneOptions scenes;
  FramingConfig framing;
  BucketConfig buckets;
  LikenessConfig likeness;
  std::string masks;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("sources", self.sources, "picture sets by name; see `sumi data list`");
    visit("folders", self.folders, "folders of your own pictures");
    visit("concepts", self.concepts,
          "names of the things wanted; empty: all. Portraits and tiles are no things and stay");
    visit("groups", self.groups, "groups or subgroups wanted; empty: all");
    visit("in_all_sources", self.in_all_sources, "only things that every source of things has");
    visit("concept_limit", self.concept_limit, "at most so many things; 0: no limit");
    visit("size_px", self.size_px, "side of the pictures in pixels");
    visit("split", self.split,
          "train, validation, validation_concepts, held_out, held_out_pairs or scorer");
    visit("seed", self.seed, "number that fixes all compositions");
    visit("scenes", self.scenes, "how things are put together");
    visit("framing", self.framing, "how whole pictures are cut");
    visit("buckets", self.buckets, "whether whole pictures keep their shapes");
    visit("likeness", self.likeness, "what becomes of pictures that are nearly the same");
    visit("masks", self.masks,
          "which part of whole pictures counts: sidecar (NAME.mask.png, white counts) or alpha; "
          "empty: all");
  }
};

/// A picture and its words.
struct Sample {
  Image picture;  ///< RGB, size_px square or of its bucket's size
  std::string caption;
  std::string key = {};  ///< stands for the pixels; only where Recall was given and they come again
  std::vector<std::byte> recalled = {};  ///< kept under the key: the picture has a size, no pixels
  Image mask = {};   ///< gray, of the picture's size: how much each pixel counts; empty: all alike
  Image given = {};  ///< what an instruction starts from, of the picture's size; empty: nothing
  std::vector<std::string> passed_over = {};  ///< damaged pictures that this one stands in for
};

/// Asked before a whole picture is decoded: what is kept under its key; empty: nothing. Called from
/// several threads.
using Recall = std::function<std::vector<std::byte>(const std::string& key)>;

/// A world as an endless sequence of samples. Sample `index` is the same on every machine, so a
/// position in training is one number. Reading is thread-safe.
class Dataset {
 public:
  /// Reads the manifests of the (already fetched) sources and draws the sprites when they are not
  /// in the cache yet. Throws Error for unknown names, concepts that no source has, and an empty
  /// selection.
  Dataset(DatasetConfig config, const std::filesystem::path& cache, const ProgressSink& sink = {});

  /// A sample of size_px x size_px. Throws Error when a picture of one's own is damaged.
  Sample at(std::uint64_t index, const Recall& recall = {}) const;
  /// How at(index) is composed; nothing where it is a whole picture. Holds views into this dataset.
  std::optional<Scene> composition(std::uint64_t index) const;
  /// The caption of at(index) without painting it.
  std::string caption_at(std::uint64_t index) const;

  /// True when batches keep the shapes of their pictures: at(order, index) then gives the samples.
  bool keeps_shapes() const { return config_.buckets.step_px > 0; }
  /// The order of samples for batches of `group`. A row of weight n counts n times in it. Throws
  /// Error unless keeps_shapes().
  BucketOrder order(int group) const;
  /// The sample at a place of that order, in its bucket's size. In place of a damaged picture comes
  /// another of the same bucket, and says so in `passed_over`; Error when none can be read.
  Sample at(const BucketOrder& order, std::uint64_t index, const Recall& recall = {}) const;

  /// Why nothing that is made of a sample can be kept for when it comes again; empty where it can.
  const std::string& why_endless() const { return why_endless_; }

  const DatasetConfig& config() const { return config_; }
  /// The rows this split draws from.
  const std::vector<Row>& rows() const { return rows_; }
  /// Their different names, sorted.
  std::vector<std::string> concepts() const;
  /// Pictures left out because they could not be drawn or say no size: "id: why".
  const std::vector<std::string>& damaged() const { return damaged_; }

 private:
  void measure_shapes(const ProgressSink& sink);
  Sample whole_picture(const Row& row, PixelSize size, std::uint64_t variant,
                       const Recall& recall) const;
  std::size_t draw_row(Random& random) const;
  bool is_whole_picture(const Row& row) const;
  Scene scene_at(Random& random, std::size_t first) const;

  DatasetConfig config_;
  Split split_ = Split::train;
  std::vector<Row> rows_;
  std::vector<std::size_t> sprite_of_;  ///< index into sprites_ for each row
  std::vector<double> cumulative_;      ///< running sum of the rows' weights
  SpriteSet sprites_;
  std::vector<std::string> damaged_;
  std::string why_endless_;
  std::vector<PixelSize> shapes_;  ///< of each row's picture, where batches keep them
};

/// Reads a DatasetConfig from a JSON file; paths of folders in it are relative to it.
DatasetConfig read_dataset_config(const std::filesystem::path& file);

}  // namespace sumi
