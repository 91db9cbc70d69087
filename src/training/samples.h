#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/progress.h"
#include "core/tensor.h"
#include "data/dataset.h"

namespace sumi {

/// Samples of a world ready for a model.
struct Batch {
  Tensor pictures;  ///< [N, 3, size, size] in [-1, 1]
  std::vector<std::string> captions;
};

/// The samples `first` to `first + count - 1`.
Batch read_batch(const Dataset& dataset, std::int64_t first, int count);

/// Reads ahead: while one batch is computed, a thread paints the one that follows. The order of
/// calls never changes what a call returns.
class BatchReader {
 public:
  explicit BatchReader(std::shared_ptr<const Dataset> dataset);
  ~BatchReader();
  BatchReader(const BatchReader&) = delete;
  BatchReader& operator=(const BatchReader&) = delete;

  Batch read(std::int64_t first, int count);

 private:
  struct Ahead;
  std::shared_ptr<const Dataset> dataset_;
  std::unique_ptr<Ahead> ahead_;
};

/// The world of a file, one of its splits. Throws Error as Dataset does.
std::shared_ptr<const Dataset> open_world(const std::string& file, const std::string& split,
                                          const ProgressSink& progress = {});

}  // namespace sumi
