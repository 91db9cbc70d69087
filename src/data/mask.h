#pragma once

#include <filesystem>
#include <string>

#include "data/manifest.h"
#include "media/image.h"

namespace sumi {

/// Whether a file is another's mask and no picture of its own: NAME.mask.png. Where no picture NAME
/// stands beside it, it is one.
bool is_mask_name(const std::filesystem::path& file);

/// Which part of a picture counts in training, gray, 255 counts fully. `kind`: "sidecar" reads
/// NAME.mask.png beside the picture NAME.*, "alpha" is the transparency of `picture` itself. Empty
/// where there is none, and all of the picture counts. Throws Error for a mask of another size.
Image mask_of(const Row& row, const Image& picture, const std::string& kind);

/// Throws Error for an unknown kind; "" is none.
void check_mask_kind(const std::string& kind);

}  // namespace sumi
