#include "training/picture_tensor.h"

#include <fmt/format.h>

#include <cstring>

#include "core/error.h"
#include "core/sent_to.h"

namespace sumi {

Tensor tensor_of(std::span<const Image> pictures, torch::Device device) {
  const int width = pictures.front().width, height = pictures.front().height;
  const auto count = static_cast<std::int64_t>(pictures.size());
  Tensor bytes = at::empty({count, height, width, 3}, torch::kByte);
  auto* at = bytes.data_ptr<std::uint8_t>();
  for (const Image& picture : pictures) {
    if (picture.width != width || picture.height != height || picture.channels != 3)
      throw Error(fmt::format("a picture is {}x{} with {} channels among pictures of {}x{} with 3",
                              picture.width, picture.height, picture.channels, width, height),
                  "give RGB pictures of one size");
    std::memcpy(at, picture.pixels.data(), picture.pixels.size());
    at += picture.pixels.size();
  }
  const Tensor placed = sent_to(device, bytes);  // as bytes: a quarter of the way's load
  return placed.permute({0, 3, 1, 2}).to(torch::kFloat).contiguous().div_(127.5).sub_(1);
}

std::vector<Image> pictures_of(const Tensor& tensor) {
  const Tensor bytes = tensor.detach()
                           .cpu()
                           .add(1)
                           .mul_(127.5)
                           .round_()
                           .clamp_(0, 255)
                           .permute({0, 2, 3, 1})
                           .to(torch::kByte)
                           .contiguous();
  std::vector<Image> pictures;
  const auto size = static_cast<std::size_t>(bytes.stride(0));
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    const auto* first = bytes.data_ptr<std::uint8_t>() + i * bytes.stride(0);
    pictures.push_back({static_cast<int>(bytes.size(2)),
                        static_cast<int>(bytes.size(1)),
                        3,
                        {first, first + size}});
  }
  return pictures;
}

}  // namespace sumi
