#include "data/mask.h"

#include <fmt/format.h>

#include "core/error.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kEnding = ".mask.png";

Image alpha_of(const Image& picture) {
  if (picture.channels != 4) return {};
  Image alpha{picture.width, picture.height, 1, {}};
  for (std::size_t i = 3; i < picture.pixels.size(); i += 4)
    alpha.pixels.push_back(picture.pixels[i]);
  return alpha;
}

/// The mean of the colours, whatever transparency the file has.
Image gray(const Image& picture) {
  const auto channels = static_cast<std::size_t>(picture.channels);
  const std::size_t colours = channels >= 3 ? 3 : 1;
  Image result{picture.width, picture.height, 1, {}};
  for (std::size_t i = 0; i < picture.pixels.size(); i += channels) {
    std::size_t sum = 0;
    for (std::size_t c = 0; c < colours; ++c) sum += picture.pixels[i + c];
    result.pixels.push_back(static_cast<std::uint8_t>((sum + colours / 2) / colours));
  }
  return result;
}

Image sidecar_of(const Row& row, const Image& picture) {
  if (!row.item.empty()) return {};  // inside a shard nothing stands beside it
  const auto file = fs::path(row.file).replace_extension(kEnding);
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  Image mask = gray(load_image(file));
  if (mask.width != picture.width || mask.height != picture.height)
    throw Error(fmt::format("{}: the mask is {}x{} pixels, its picture {}x{}", file.string(),
                            mask.width, mask.height, picture.width, picture.height),
                "save the mask in its picture's own size");
  return mask;
}

}  // namespace

bool is_mask_name(const fs::path& file) {
  const auto name = file.filename().string();
  return name.size() > kEnding.size() && name.ends_with(kEnding);
}

Image mask_of(const Row& row, const Image& picture, const std::string& kind) {
  if (kind == "alpha") return alpha_of(picture);
  return kind == "sidecar" ? sidecar_of(row, picture) : Image{};
}

void check_mask_kind(const std::string& kind) {
  if (kind.empty() || kind == "sidecar" || kind == "alpha") return;
  throw Error(fmt::format("masks: unknown \"{}\"", kind),
              "use sidecar, for NAME.mask.png beside NAME.*, or alpha, for transparency");
}

}  // namespace sumi
