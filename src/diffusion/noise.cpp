#include "diffusion/noise.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <utility>

#include "core/error.h"

namespace sumi {
namespace {

/// Two uniform words to one unit normal, in single precision (Box & Muller 1958). The halves keep
/// the uniforms off zero; the sine comes first, as in CUDA's curand.
float box_muller(std::uint32_t a, std::uint32_t b) {
  constexpr float kUnit = 2.3283064e-10f;               // 2^-32
  constexpr float kTurn = 2.3283064e-10f * 6.2831855f;  // 2^-32 * 2 pi
  const float u = float(a) * kUnit + kUnit / 2;
  const float v = float(b) * kTurn + kTurn / 2;
  return std::sqrt(-2.0f * std::log(u)) * std::sin(v);
}

}  // namespace

PhiloxWords philox4x32(PhiloxWords counter, std::uint32_t key_low, std::uint32_t key_high) {
  // Multipliers and Weyl constants of Salmon et al. 2011, tables 2 and 3.
  constexpr std::uint64_t kMultiplyA = 0xD2511F53, kMultiplyB = 0xCD9E8D57;
  constexpr std::uint32_t kWeylA = 0x9E3779B9, kWeylB = 0xBB67AE85;
  constexpr int kRounds = 10;
  auto [x0, x1, x2, x3] = counter.word;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t a = kMultiplyA * x0, b = kMultiplyB * x2;
    x0 = std::uint32_t(b >> 32) ^ x1 ^ key_low;
    x2 = std::uint32_t(a >> 32) ^ x3 ^ key_high;
    x1 = std::uint32_t(b);
    x3 = std::uint32_t(a);
    key_low += kWeylA;
    key_high += kWeylB;
  }
  return {{x0, x1, x2, x3}};
}

ImageNoise torch_cpu_noise(std::uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return
      [generator](at::IntArrayRef shape) { return torch::randn(shape, generator, torch::kFloat); };
}

ImageNoise philox_noise(std::uint64_t seed) {
  auto calls = std::make_shared<std::uint64_t>(0);
  return [seed, calls](at::IntArrayRef shape) {
    auto result = torch::empty(shape, torch::kFloat);
    float* values = result.data_ptr<float>();
    const std::uint64_t call = (*calls)++;
    for (std::int64_t i = 0; i < result.numel(); ++i) {
      const PhiloxWords counter{{std::uint32_t(call), std::uint32_t(call >> 32), std::uint32_t(i),
                                 std::uint32_t(std::uint64_t(i) >> 32)}};
      const auto words = philox4x32(counter, std::uint32_t(seed), std::uint32_t(seed >> 32));
      values[i] = box_muller(words.word[0], words.word[1]);
    }
    return result;
  };
}

ImageNoise image_noise(std::string_view kind, std::uint64_t seed) {
  if (kind == "cpu") return torch_cpu_noise(seed);
  if (kind == "gpu") return philox_noise(seed);
  throw Error(fmt::format("unknown source of noise \"{}\"", kind),
              "known: cpu (torch and diffusers), gpu (A1111 on NVIDIA)");
}

NoiseSource batch_noise(std::vector<ImageNoise> images) {
  return [images = std::move(images)](const Tensor& like) {
    if (like.size(0) != std::int64_t(images.size()))
      throw Error(
          fmt::format("noise for {} images asked of {} sources", like.size(0), images.size()),
          "give one source for each image");
    std::vector<std::int64_t> shape = like.sizes().vec();
    shape[0] = 1;
    std::vector<Tensor> drawn;
    for (const auto& image : images) drawn.push_back(image(shape));
    return torch::cat(drawn).to(like.device(), like.scalar_type());
  };
}

NoiseSource replay_noise(Tensor recorded) {
  auto next = std::make_shared<std::int64_t>(0);
  return [recorded = std::move(recorded), next](const Tensor& like) {
    if (*next >= recorded.size(0))
      throw Error(fmt::format("only {} draws of noise were recorded", recorded.size(0)),
                  "replay with the sampler and the steps of the recording");
    return recorded[(*next)++].to(like.device(), like.scalar_type());
  };
}

}  // namespace sumi
