#include "training/samples.h"

#include <algorithm>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "core/paths.h"
#include "core/sent_to.h"
#include "training/picture_tensor.h"

namespace sumi {
namespace {

/// [N, 1, height, width]; a sample without a mask counts everywhere.
Tensor masks_of(const std::vector<Sample>& samples, std::int64_t height, std::int64_t width) {
  const auto has_mask = [](const Sample& sample) { return sample.mask.width > 0; };
  if (std::none_of(samples.begin(), samples.end(), has_mask)) return {};
  Tensor masks = at::ones({static_cast<std::int64_t>(samples.size()), 1, height, width});
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!has_mask(samples[i])) continue;
    auto pixels = samples[i].mask.pixels;
    masks[static_cast<std::int64_t>(i)].copy_(
        at::from_blob(pixels.data(), {1, height, width}, torch::kByte).to(torch::kFloat) / 255);
  }
  return masks;
}

Batch ready(SampleBatch&& samples, torch::Device device) {
  std::vector<Image> pictures, given;
  Batch batch;
  const auto& first = samples.samples.front().picture;
  batch.height = first.height, batch.width = first.width;
  if (const Tensor masks = masks_of(samples.samples, batch.height, batch.width); masks.defined())
    batch.masks = sent_to(device, masks);
  for (auto& sample : samples.samples) {
    if (sample.recalled.empty()) pictures.push_back(std::move(sample.picture));
    if (sample.given.width > 0) given.push_back(std::move(sample.given));
    batch.captions.push_back(std::move(sample.caption));
    batch.keys.push_back(std::move(sample.key));
    batch.recalled.push_back(std::move(sample.recalled));
  }
  if (!pictures.empty()) batch.pictures = tensor_of(pictures, device);
  if (!given.empty()) batch.given = tensor_of(given, device);
  batch.damage = std::move(samples.damage);
  return batch;
}

/// Decoding people's pictures takes a processor long, composing scenes does not.
int threads_for(const Dataset& dataset) {
  constexpr unsigned kCoresEach = 4, kMost = 8;
  if (!dataset.config().sources.empty()) return 1;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency() / kCoresEach, 1u, kMost));
}

void tell_shapes(const BucketOrder& order) {
  std::string text;
  for (const auto& bucket : order.buckets())
    text += fmt::format("{}{}x{}: {}", text.empty() ? "" : ", ", bucket.size.width,
                        bucket.size.height, bucket.pictures.size());
  spdlog::info("pictures by shape, for batches of {}: {}", order.group(), text);
}

}  // namespace

BatchReader::BatchReader(Loader::SampleSource source, double max_damaged, torch::Device device)
    : source_([source = std::move(source)](int) { return source; }), device_(device) {
  options_.max_damaged = max_damaged;
}

BatchReader::BatchReader(std::shared_ptr<const Dataset> dataset, double max_damaged,
                         torch::Device device, Recall recall)
    : device_(device) {
  options_.max_damaged = max_damaged;
  options_.in_place = dataset->keeps_shapes();
  options_.threads = threads_for(*dataset);
  source_ = [dataset, recall = std::move(recall)](int count) -> Loader::SampleSource {
    if (!dataset->keeps_shapes())
      return [dataset, recall](std::uint64_t index) { return dataset->at(index, recall); };
    const auto order = std::make_shared<const BucketOrder>(dataset->order(count));
    tell_shapes(*order);
    return [dataset, order, recall](std::uint64_t index) {
      return dataset->at(*order, index, recall);
    };
  };
}

/// The batch, if nothing in it is damaged: then neighbours of the block stay where they were
/// foretold. What is damaged is counted and told by the plain way of reading.
std::optional<Batch> BatchReader::read_ahead(const Draw& draw, std::uint64_t start) {
  const auto block = static_cast<std::uint64_t>(draw.share.block),
             stride = static_cast<std::uint64_t>(draw.share.stride),
             offset = static_cast<std::uint64_t>(draw.share.offset);
  if (!share_loader_ || share_index_(share_loader_->position()) != start ||
      share_size_ != draw.count) {
    share_index_ = [=](std::uint64_t i) {
      return start - offset + (i + offset) / block * stride + (i + offset) % block;
    };
    LoaderOptions options = options_;
    options.max_damaged = 1;
    share_size_ = options.batch_size = options.ahead = draw.count;
    share_loader_ = std::make_unique<Loader>([source = source_(draw.count), index = share_index_](
                                                 std::uint64_t i) { return source(index(i)); },
                                             options);
  }
  try {
    if (SampleBatch batch = share_loader_->next(); batch.damage.count == 0)
      return ready(std::move(batch), device_);
  } catch (const Error&) {
    // Too many are damaged: the plain way says so with the right numbers.
  }
  share_loader_.reset();
  return std::nullopt;
}

Batch BatchReader::read(const Draw& draw) {
  // In a world with buckets others stand in for damaged samples, which then move nothing.
  const auto start =
      static_cast<std::uint64_t>(draw.first) + (options_.in_place ? 0 : draw.damaged);
  if (draw.share.stride > draw.share.block)
    if (auto batch = read_ahead(draw, start)) return std::move(*batch);
  if (!loader_ || loader_->position() != start || loader_->damage().count != draw.damaged ||
      options_.batch_size != draw.count) {
    options_.batch_size = draw.count;
    options_.ahead = options_.threads > 1 ? 2 * draw.count : draw.count;
    loader_ = std::make_unique<Loader>(source_(draw.count), options_, start, draw.damaged);
  }
  return ready(loader_->next(), device_);
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
  return {sum / batches, std::move(damage), {}};
}

std::shared_ptr<const Dataset> open_world(const std::string& file, const std::string& split,
                                          const ProgressSink& progress) {
  DatasetConfig config = read_dataset_config(file);
  config.split = split;
  return std::make_shared<const Dataset>(config, cache_directory(), progress);
}

}  // namespace sumi
