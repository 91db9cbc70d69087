#pragma once

#include "media/image.h"

namespace sumi {

/// Mean squared error over all channels, in squared 8-bit levels. This and the functions below
/// throw Error when sizes or channels differ.
double mean_squared_error(const Image& a, const Image& b);

/// 10 log10(255^2 / MSE); infinity for equal pictures.
double psnr_db(const Image& a, const Image& b);

/// Structural similarity (Wang et al. 2004): Gaussian window 11x11 with sigma 1.5, K1 0.01, K2
/// 0.03, valid windows only, mean over channels. Needs at least 11x11 pixels.
double ssim(const Image& a, const Image& b);

/// The largest difference of two values.
int max_difference(const Image& a, const Image& b);

}  // namespace sumi
