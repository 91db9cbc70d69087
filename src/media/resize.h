#pragma once

#include "media/image.h"

namespace sumi {

enum class Filter { box, bilinear, hamming, bicubic, lanczos };

/// Antialiased resampling with Pillow's weights and 22-bit fixed-point arithmetic: results equal
/// Pillow's bit for bit. RGBA goes through premultiplied alpha, as Pillow does. Throws Error unless
/// both sizes are positive.
Image resize(const Image& image, int width, int height, Filter filter = Filter::lanczos);

/// The same without regard to what the channels mean.
Image resize_channels(const Image& image, int width, int height, Filter filter);

/// Scales to cover width x height with the proportions kept, then crops the middle.
Image resize_to_cover(const Image& image, int width, int height, Filter filter = Filter::lanczos);

/// Scales to the largest size within width x height with the proportions kept.
Image resize_to_fit(const Image& image, int width, int height, Filter filter = Filter::lanczos);

}  // namespace sumi
