#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace sumi {

/// Draws the next unit normal tensor of a shape for one image; each call goes on where the last
/// one ended.
using ImageNoise = std::function<Tensor(at::IntArrayRef shape)>;

/// Unit normals shaped like `like` for a whole batch. Samplers take their fresh noise from one, so
/// that recorded noise can be replayed. Every draw is independent: the stochastic DPM solvers use
/// plain normals per step, not a Brownian tree, so their pictures change with the number of steps.
using NoiseSource = std::function<Tensor(const Tensor& like)>;

/// Exactly torch.randn(shape, generator=torch.Generator().manual_seed(seed)), float32, and further
/// draws from the same generator.
ImageNoise torch_cpu_noise(std::uint64_t seed);

/// Exactly what torch.manual_seed(seed); torch.randn(shape, device="cuda") gives, and further
/// draws: Philox 4x32-10 (Salmon et al. 2011) with the element's index as subsequence, and
/// Box-Muller. Holds up to the number of threads one CUDA launch has (about 100,000 elements),
/// which covers an image of 1024 x 1024 pixels in latents.
ImageNoise philox_noise(std::uint64_t seed);

/// "cpu" or "gpu". Throws Error for another name.
ImageNoise image_noise(std::string_view kind, std::uint64_t seed);

/// One source for a batch: item i is drawn by images[i] alone, so it does not depend on the batch.
NoiseSource batch_noise(std::vector<ImageNoise> images);

/// Plays recorded noise in order. recorded: [draws, batch, …]. Throws Error past its end.
NoiseSource replay_noise(Tensor recorded);

/// Philox 4x32 with 10 rounds: counter and key to four random words.
struct PhiloxWords {
  std::uint32_t word[4];
};
PhiloxWords philox4x32(PhiloxWords counter, std::uint32_t key_low, std::uint32_t key_high);

}  // namespace sumi
