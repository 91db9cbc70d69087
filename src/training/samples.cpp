#include "training/samples.h"

#include "core/paths.h"
#include "training/picture_tensor.h"

namespace sumi {
namespace {

Batch ready(SampleBatch&& samples) {
  std::vector<Image> pictures;
  Batch batch;
  for (auto& sample : samples.samples) {
    pictures.push_back(std::move(sample.picture));
    batch.captions.push_back(std::move(sample.caption));
  }
  batch.pictures = tensor_of(pictures);
  batch.damage = std::move(samples.damage);
  return batch;
}

}  // namespace

BatchReader::BatchReader(std::shared_ptr<const Dataset> dataset, double max_damaged)
    : dataset_(std::move(dataset)) {
  options_.max_damaged = max_damaged;
}

Batch BatchReader::read(const Draw& draw) {
  const auto start = static_cast<std::uint64_t>(draw.first) + draw.damaged;
  if (!loader_ || loader_->position() != start || loader_->damage().count != draw.damaged ||
      options_.batch_size != draw.count) {
    options_.batch_size = options_.ahead = draw.count;
    loader_ = std::make_unique<Loader>(samples_of(*dataset_), options_, start, draw.damaged);
  }
  return ready(loader_->next());
}

Damage BatchReader::visit(int samples, int batch_size,
                          const std::function<void(const Batch&, int first)>& visitor) {
  Damage damage;
  for (int first = 0; first < samples; first += batch_size) {
    const Batch batch = read({.first = first, .count = batch_size, .damaged = damage.count});
    damage.add(batch.damage);
    visitor(batch, first);
  }
  return damage;
}

ValidationLoss mean_loss(BatchReader& world, int samples, int batch_size,
                         const std::function<Tensor(const Batch&, int first)>& loss) {
  double sum = 0;
  int batches = 0;
  Damage damage = world.visit(samples, batch_size, [&](const Batch& batch, int first) {
    sum += loss(batch, first).item<double>();
    ++batches;
  });
  return {sum / batches, std::move(damage)};
}

std::shared_ptr<const Dataset> open_world(const std::string& file, const std::string& split,
                                          const ProgressSink& progress) {
  DatasetConfig config = read_dataset_config(file);
  config.split = split;
  return std::make_shared<const Dataset>(config, cache_directory(), progress);
}

}  // namespace sumi
