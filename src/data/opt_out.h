#pragma once

#include <string_view>

#include "core/json.h"
#include "media/metadata.h"

namespace sumi {

/// True when a text asks to be left out of training: the words "noai" or "noimageai" (as web pages
/// and artists' platforms write them), IPTC/PLUS data mining "DMI-PROHIBITED…", or a W3C text and
/// data mining reservation of 1.
bool says_no_ai(std::string_view text);

/// The same for whatever a picture file says about itself: XMP, EXIF, PNG texts, JPEG comments.
bool says_no_ai(const ImageMetadata& metadata);

/// The same for a record beside a picture: a key "noai", "no_ai" or "opt_out" that is true, or such
/// a text in any of its values.
bool record_says_no_ai(const Json& record);

}  // namespace sumi
