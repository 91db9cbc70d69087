#include "training/randomness.h"

#include <ATen/CPUGeneratorImpl.h>

#include "core/sent_to.h"

namespace sumi {

std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t bits = seed + (number + 1) * 0x9e3779b97f4a7c15u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

at::Generator generator_of(std::uint64_t seed) { return at::detail::createCPUGenerator(seed); }

Tensor normal_numbers(at::IntArrayRef sizes, std::uint64_t seed, torch::Device device) {
  return sent_to(device, at::randn(sizes, generator_of(seed), torch::TensorOptions()));
}

Tensor uniform_numbers(std::int64_t count, std::uint64_t seed) {
  return at::rand({count}, generator_of(seed), torch::TensorOptions());
}

}  // namespace sumi
