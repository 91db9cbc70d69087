#pragma once

#include <functional>
#include <memory>
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
  Tensor pictures;  ///< [N, 3, size, size] in [-1, 1]
  std::vector<std::string> captions;
  Damage damage;  ///< samples passed over on the way to these
};

/// A world as tasks see it. Reads ahead: while one batch is computed, a thread paints the one that
/// follows. Damaged samples are passed over. The order of calls never changes what a call returns.
class BatchReader {
 public:
  /// `max_damaged`: the share of damaged samples above which reading throws Error.
  BatchReader(std::shared_ptr<const Dataset> dataset, double max_damaged);

  Batch read(const Draw& draw);

  /// Calls `visitor` with whole batches from the world's start until they hold `samples` or more;
  /// `first` counts the samples before the batch. Returns what was damaged among them.
  Damage visit(int samples, int batch_size,
               const std::function<void(const Batch&, int first)>& visitor);

 private:
  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  std::unique_ptr<Loader> loader_;
};

/// The mean of `loss`, a scalar, over the batches that BatchReader::visit goes through.
ValidationLoss mean_loss(BatchReader& world, int samples, int batch_size,
                         const std::function<Tensor(const Batch&, int first)>& loss);

/// The world of a file, one of its splits. Throws Error as Dataset does.
std::shared_ptr<const Dataset> open_world(const std::string& file, const std::string& split,
                                          const ProgressSink& progress = {});

}  // namespace sumi
