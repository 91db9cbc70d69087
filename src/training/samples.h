#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/progress.h"
#include "core/tensor.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "training/task.h"

namespace sumi {

/// Samples of a world ready for a model.
struct Batch {
  Tensor pictures;  ///< [N, 3, height, width] in [-1, 1], of the samples that were not recalled
  Tensor given;     ///< the same of Sample::given; undefined where samples have none
  Tensor masks;     ///< [N, 1, height, width] in 0 to 1, Sample::mask; undefined where none has one
  std::vector<std::string> captions;
  std::vector<std::string> keys;                 ///< Sample::key, one for each caption
  std::vector<std::vector<std::byte>> recalled;  ///< Sample::recalled, one for each caption
  std::int64_t height = 0, width = 0;            ///< of every picture, recalled or not
  Damage damage;                                 ///< samples passed over on the way to these
};

/// A world as tasks see it, its batches on the device of the model. Reads ahead: while one batch is
/// computed, a thread paints the one that follows. Damaged samples are passed over. The order of
/// calls never changes what a call returns.
class BatchReader {
 public:
  /// `max_damaged`: the share of damaged samples above which reading throws Error. Where the world
  /// keeps the shapes of its pictures, each batch is of one shape. `recall` is asked before a
  /// picture is decoded.
  BatchReader(std::shared_ptr<const Dataset> dataset, double max_damaged, torch::Device device,
              Recall recall = {});
  BatchReader(Loader::SampleSource source, double max_damaged, torch::Device device);

  Batch read(const Draw& draw);

  /// Calls `visitor` with whole batches from the world's start until they hold `samples` or more;
  /// `first` counts the samples before the batch. Returns what was damaged among them.
  Damage visit(int samples, int batch_size,
               const std::function<void(const Batch&, int first)>& visitor);

 private:
  /// The samples in the order for batches of `count`.
  std::function<Loader::SampleSource(int count)> source_;
  LoaderOptions options_;
  torch::Device device_;
  std::unique_ptr<Loader> loader_;

  std::optional<Batch> read_ahead(const Draw& draw, std::uint64_t start);
  std::unique_ptr<Loader> share_loader_;  ///< of Draw::share, over numbers 0, 1, …
  std::function<std::uint64_t(std::uint64_t)> share_index_;  ///< the sample of such a number
  int share_size_ = 0;
};

/// The mean of `loss`, a scalar, over the batches that BatchReader::visit goes through.
ValidationLoss mean_loss(BatchReader& world, int samples, int batch_size,
                         const std::function<Tensor(const Batch&, int first)>& loss);

/// The world of a file, one of its splits. Throws Error as Dataset does.
std::shared_ptr<const Dataset> open_world(const std::string& file, const std::string& split,
                                          const ProgressSink& progress = {});

}  // namespace sumi
