#include "training/samples.h"

#include <future>

#include "core/paths.h"
#include "training/picture_tensor.h"

namespace sumi {

struct BatchReader::Ahead {
  std::int64_t first = 0;
  int count = 0;
  std::future<Batch> batch;
};

Batch read_batch(const Dataset& dataset, std::int64_t first, int count) {
  std::vector<Image> pictures;
  Batch batch;
  for (int i = 0; i < count; ++i) {
    Sample sample = dataset.at(static_cast<std::uint64_t>(first + i));
    pictures.push_back(std::move(sample.picture));
    batch.captions.push_back(std::move(sample.caption));
  }
  batch.pictures = tensor_of(pictures);
  return batch;
}

BatchReader::BatchReader(std::shared_ptr<const Dataset> dataset)
    : dataset_(std::move(dataset)), ahead_(std::make_unique<Ahead>()) {}

BatchReader::~BatchReader() = default;

Batch BatchReader::read(std::int64_t first, int count) {
  const bool expected = ahead_->batch.valid() && ahead_->first == first && ahead_->count == count;
  Batch batch = expected ? ahead_->batch.get() : read_batch(*dataset_, first, count);
  ahead_->first = first + count;
  ahead_->count = count;
  ahead_->batch = std::async(std::launch::async, [dataset = dataset_, first, count] {
    return read_batch(*dataset, first + count, count);
  });
  return batch;
}

std::shared_ptr<const Dataset> open_world(const std::string& file, const std::string& split,
                                          const ProgressSink& progress) {
  DatasetConfig config = read_dataset_config(file);
  config.split = split;
  return std::make_shared<const Dataset>(config, cache_directory(), progress);
}

}  // namespace sumi
