#include "pipelines/sketch.h"

#include "pipelines/image_tensor.h"

namespace sumi {
namespace {

constexpr std::uint64_t kCheapDecode_bytes = 32u << 20;

/// Least-squares colours of SD 1's four latent channels; rows are latents, columns red, green,
/// blue.
Tensor colours_of_latents() {
  return torch::tensor({{0.298f, 0.207f, 0.208f},
                        {0.187f, 0.286f, 0.173f},
                        {-0.158f, 0.189f, 0.264f},
                        {-0.184f, -0.271f, -0.473f}});
}

}  // namespace

Image sketch(const LatentCoder& coder, const Tensor& clean) {
  const Tensor one = clean.narrow(0, 0, 1);
  const auto width = one.size(3) * coder.downscale(), height = one.size(2) * coder.downscale();
  if (one.size(1) != 4 || coder.decode_bytes(width, height) <= kCheapDecode_bytes)
    return to_image(coder.decode(one)[0]);
  return to_image(torch::einsum("chw,cr->rhw", {one[0].to(torch::kCPU), colours_of_latents()}));
}

}  // namespace sumi
