#include "pipelines/release.h"

#include <cmath>

#include "pipelines/image_tensor.h"

namespace sumi {
namespace {

/// Lays the new picture over the original where the mask [height, width] says so; where it is 0 the
/// original's bytes stay untouched.
void keep_outside(Image& picture, const Image& original, const Tensor& mask) {
  const Tensor weights = mask.to(torch::kCPU, torch::kFloat).contiguous();
  const auto* weight = weights.data_ptr<float>();
  const auto pixels =
      static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
  for (std::size_t i = 0; i < pixels; ++i) {
    if (weight[i] >= 1) continue;
    for (std::size_t c = 0; c < 3; ++c) {
      const float old = original.pixels[i * 3 + c], made = picture.pixels[i * 3 + c];
      picture.pixels[i * 3 + c] =
          static_cast<std::uint8_t>(std::lround(old + (made - old) * weight[i]));
    }
  }
}

}  // namespace

Picture release(const Tensor& pixels, const GenerateRequest& request, const Image* original,
                const Tensor* mask) {
  if (!torch::isfinite(pixels).all().item<bool>())
    throw Error(
        fmt::format("the picture of seed {} came out as NaN or infinity", request.seed),
        "check the checkpoint with `sumi model inspect`, or use another sampler or fewer steps");
  Picture picture;
  picture.image = to_image(pixels);
  if (original && mask) keep_outside(picture.image, *original, *mask);
  picture.seed = request.seed;
  picture.request = request;
  picture.infotext = infotext_of(request, request.seed);
  return picture;
}

}  // namespace sumi
