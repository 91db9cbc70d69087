#include <lcms2.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "media/colour.h"

namespace sumi {
namespace {

struct CloseContext {
  void operator()(void* context) const { cmsDeleteContext(static_cast<cmsContext>(context)); }
};
struct CloseProfile {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
struct DeleteTransform {
  void operator()(void* transform) const { cmsDeleteTransform(transform); }
};
using Context = std::unique_ptr<void, CloseContext>;
using Profile = std::unique_ptr<void, CloseProfile>;
using Transform = std::unique_ptr<void, DeleteTransform>;

void be_silent(cmsContext, cmsUInt32Number, const char*) {}

/// A way from `profile` to 8-bit sRGB, or nothing when the profile does not serve.
class ToSrgb {
 public:
  ToSrgb(std::span<const std::byte> profile, cmsColorSpaceSignature space, cmsUInt32Number input,
         cmsUInt32Number output, cmsUInt32Number flags = 0)
      : context_(cmsCreateContext(nullptr, nullptr)) {
    const auto context = static_cast<cmsContext>(context_.get());
    if (!context || profile.empty()) return;
    cmsSetLogErrorHandlerTHR(context, be_silent);
    source_.reset(cmsOpenProfileFromMemTHR(context, profile.data(),
                                           static_cast<cmsUInt32Number>(profile.size())));
    if (!source_ || cmsGetColorSpace(source_.get()) != space) return;
    srgb_.reset(cmsCreate_sRGBProfileTHR(context));
    transform_.reset(cmsCreateTransformTHR(
        context, source_.get(), input, srgb_.get(), output, INTENT_RELATIVE_COLORIMETRIC,
        cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_COPY_ALPHA | flags));
  }

  explicit operator bool() const { return transform_ != nullptr; }

  void apply(const std::uint8_t* from, std::uint8_t* to, std::size_t count) const {
    cmsDoTransform(transform_.get(), from, to, static_cast<cmsUInt32Number>(count));
  }

 private:
  Context context_;
  Profile source_, srgb_;
  Transform transform_;
};

/// Colours that tell whether a profile moves anything: every gray, or a 9-step grid.
std::vector<std::uint8_t> probe_colours(int channels) {
  std::vector<std::uint8_t> probe;
  for (int i = 0; channels == 1 && i < 256; ++i) probe.push_back(static_cast<std::uint8_t>(i));
  for (int i = 0; channels != 1 && i < 9 * 9 * 9; ++i) {
    for (const int step : {i / 81, i / 9 % 9, i % 9})
      probe.push_back(static_cast<std::uint8_t>(std::min(255, step * 32)));
    if (channels == 4) probe.push_back(255);
  }
  return probe;
}

bool equal_within_one(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](int left, int right) { return std::abs(left - right) <= 1; });
}

/// Gray through a table; sRGB's neutral axis has three equal channels. Its 256 colours need no
/// shortcuts, which in lcms cost up to nine levels in the shadows of a linear profile.
Image gray_to_srgb(Image image, std::span<const std::byte> profile) {
  const ToSrgb transform(profile, cmsSigGrayData, TYPE_GRAY_8, TYPE_RGB_8, cmsFLAGS_NOOPTIMIZE);
  if (!transform) return image;
  const auto levels = probe_colours(1);
  std::vector<std::uint8_t> colours(256 * 3), table(256);
  transform.apply(levels.data(), colours.data(), 256);
  for (std::size_t i = 0; i < 256; ++i) table[i] = colours[i * 3 + 1];
  if (equal_within_one(levels, table)) return image;
  for (std::uint8_t& value : image.pixels) value = table[value];
  return image;
}

}  // namespace

Image icc_to_srgb(Image image, std::span<const std::byte> profile) {
  if (profile.empty()) return image;
  if (image.channels == 1) return gray_to_srgb(std::move(image), profile);
  const cmsUInt32Number format = image.channels == 3 ? TYPE_RGB_8 : TYPE_RGBA_8;
  const ToSrgb transform(profile, cmsSigRgbData, format, format);
  if (!transform) return image;
  // A profile that is sRGB itself would only add rounding.
  const auto before = probe_colours(image.channels);
  std::vector<std::uint8_t> after(before.size());
  transform.apply(before.data(), after.data(), before.size() / image.channels);
  if (equal_within_one(before, after)) return image;
  const std::size_t stride = std::size_t(image.width) * image.channels;
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = image.pixels.data() + y * stride;
    transform.apply(row, row, static_cast<std::size_t>(image.width));
  }
  return image;
}

Image cmyk_to_rgb(int width, int height, std::span<const std::uint8_t> cmyk,
                  std::span<const std::byte> profile) {
  const std::size_t count = std::size_t(width) * height;
  Image image{width, height, 3, std::vector<std::uint8_t>(count * 3)};
  const ToSrgb transform(profile, cmsSigCmykData, TYPE_CMYK_8, TYPE_RGB_8);
  if (transform) {
    for (int y = 0; y < height; ++y)
      transform.apply(cmyk.data() + std::size_t(y) * width * 4,
                      image.pixels.data() + std::size_t(y) * width * 3,
                      static_cast<std::size_t>(width));
    return image;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned paper = 255u - cmyk[i * 4 + 3];
    for (std::size_t c = 0; c < 3; ++c)
      image.pixels[i * 3 + c] =
          static_cast<std::uint8_t>(((255u - cmyk[i * 4 + c]) * paper + 127) / 255);
  }
  return image;
}

}  // namespace sumi
