#include "data/bucket_figures.h"

#include <algorithm>

namespace sumi {

double cropped_share(PixelSize picture, PixelSize to) {
  const double wide = static_cast<double>(to.width) / picture.width;
  const double high = static_cast<double>(to.height) / picture.height;
  return 1 - std::min(wide, high) / std::max(wide, high);
}

std::vector<BucketFigure> bucket_figures(std::span<const PixelSize> pictures, int size_px,
                                         const BucketConfig& config) {
  const auto sizes = bucket_sizes(size_px, config);
  std::vector<BucketFigure> figures;
  for (const auto& size : sizes) figures.push_back({size});
  for (const auto& picture : pictures) {
    auto& figure = figures[nearest_size(sizes, picture)];
    ++figure.pictures;
    figure.cropped += cropped_share(picture, figure.size);
    figure.enlarged += picture.width < figure.size.width || picture.height < figure.size.height;
  }
  for (auto& figure : figures)
    if (figure.pictures > 0) figure.cropped /= static_cast<double>(figure.pictures);
  return figures;
}

}  // namespace sumi
