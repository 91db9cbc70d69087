#pragma once

#include "data/random.h"
#include "media/image.h"

namespace sumi {

// What pictures suffer from, each at a strength that `random` draws, so that a network that undoes
// it has to look how strong it is. RGB; sizes in pixels follow the picture's size, so that a small
// picture and a large one are damaged alike.

/// Out of focus, or moved while it was taken.
Image blurred(const Image& picture, Random& random);

/// Gaussian noise, salt and pepper, or too little light.
Image noisy(const Image& picture, Random& random);

/// Through JPEG at quality 4 to 30, half of them with full chroma.
Image jpeg_damaged(const Image& picture, Random& random);

/// Down to a half or a quarter of its size and up again.
Image low_resolution(const Image& picture, Random& random);

/// Pale and yellowed.
Image faded(const Image& picture, Random& random);

/// Too dark.
Image darkened(const Image& picture, Random& random);

/// Exactly what a JPEG of this quality (1 to 100) shows.
Image through_jpeg(const Image& picture, int quality, bool full_chroma);

}  // namespace sumi
