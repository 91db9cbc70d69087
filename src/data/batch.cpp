#include "data/batch.h"

#include <fmt/format.h>

#include "core/error.h"

namespace sumi {
namespace {

/// Interleaved bytes to planes of floats.
void copy_planes(const Image& picture, float* out) {
  const auto channels = static_cast<std::size_t>(picture.channels);
  const auto area =
      static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
  for (std::size_t channel = 0; channel < channels; ++channel)
    for (std::size_t i = 0; i < area; ++i)
      *out++ = static_cast<float>(picture.pixels[i * channels + channel]) / 127.5f - 1.0f;
}

}  // namespace

Tensor to_tensor(const Image& picture) {
  auto result = torch::empty({1, picture.channels, picture.height, picture.width});
  copy_planes(picture, result.data_ptr<float>());
  return result;
}

Batch to_batch(const SampleBatch& samples) {
  if (samples.samples.empty())
    throw Error("a batch without samples", "choose a batch size of 1 or more");
  const auto& first = samples.samples.front().picture;
  Batch batch;
  batch.next_index = samples.next_index;
  batch.pictures = torch::empty({static_cast<std::int64_t>(samples.samples.size()), first.channels,
                                 first.height, first.width});
  auto* out = batch.pictures.data_ptr<float>();
  for (const auto& sample : samples.samples) {
    const auto& picture = sample.picture;
    if (picture.width != first.width || picture.height != first.height ||
        picture.channels != first.channels)
      throw Error(fmt::format("a batch mixes {}x{} and {}x{} pictures", first.width, first.height,
                              picture.width, picture.height),
                  "choose one size_px for all");
    copy_planes(picture, out);
    out += picture.pixels.size();
    batch.captions.push_back(sample.caption);
  }
  return batch;
}

}  // namespace sumi
