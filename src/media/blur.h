#pragma once

#include "media/image.h"

namespace sumi {

/// Convolution with a normal distribution of deviation `sigma_px`, cut at four deviations. Beyond
/// its edge a picture goes on with its edge's pixels. RGB or gray.
Image gaussian_blur(const Image& image, double sigma_px);

/// What a camera sees that moves while it looks: each pixel becomes the mean over a line of
/// `length_px` through it, at `angle` radians from the x axis, clockwise. Edges as above.
Image motion_blur(const Image& image, double length_px, double angle);

}  // namespace sumi
