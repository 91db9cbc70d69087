#include "pipelines/image_tensor.h"

namespace sumi {
namespace {

/// [height, width, channels] bytes as float.
Tensor planes(const Image& image) {
  auto* bytes = const_cast<std::uint8_t*>(image.pixels.data());
  return torch::from_blob(bytes, {image.height, image.width, image.channels}, torch::kUInt8)
      .to(torch::kFloat);
}

/// [3, height, width] in 0..255, alpha laid over white.
Tensor colour_planes(const Image& image) {
  Tensor x = planes(image).permute({2, 0, 1});
  if (image.channels == 1) return x.expand({3, image.height, image.width});
  if (image.channels == 3) return x;
  const Tensor alpha = x.narrow(0, 3, 1) / 255;
  return x.narrow(0, 0, 3) * alpha + 255 * (1 - alpha);
}

}  // namespace

Tensor to_tensor(const Image& image) {
  return (colour_planes(image) / 127.5 - 1).unsqueeze(0).contiguous();
}

Tensor mask_tensor(const Image& image) {
  const Tensor x = colour_planes(image);
  const Tensor luma = (0.299 * x[0] + 0.587 * x[1] + 0.114 * x[2]) / 255;
  return luma.unsqueeze(0).unsqueeze(0).contiguous();
}

Image to_image(const Tensor& picture) {
  const Tensor bytes = (picture.detach().to(torch::kCPU, torch::kFloat) * 127.5 + 127.5)
                           .round()
                           .clamp(0, 255)
                           .to(torch::kUInt8)
                           .permute({1, 2, 0})
                           .contiguous();
  Image image;
  image.height = static_cast<int>(bytes.size(0));
  image.width = static_cast<int>(bytes.size(1));
  image.channels = 3;
  const auto* data = bytes.data_ptr<std::uint8_t>();
  image.pixels.assign(data, data + bytes.numel());
  return image;
}

}  // namespace sumi
