#pragma once

#include <cstdint>

namespace sumi {

/// How a tensor of bytes stands for real numbers: value = scale * (byte - zero_point).
struct Quantisation {
  float scale = 1;
  int zero_point = 0;
};

/// The 256 levels that cover [low, high]. Zero is always among them, exactly, so that padding is
/// exact.
Quantisation quantisation_of(float low, float high);

/// Pixels around a picture.
struct Border {
  int top = 0;
  int left = 0;
  int bottom = 0;
  int right = 0;
};

/// A batch of pictures of bytes, channels last, with room for a border:
/// [batch, top + height + bottom, left + width + right, channels]. The kernels write the inside and
/// fill the border with the zero point. Rows of tokens are pictures of height 1 without a border.
struct ByteImage {
  std::uint8_t* data = nullptr;
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  Border border = {};

  std::int64_t full_height() const { return border.top + height + border.bottom; }
  std::int64_t full_width() const { return border.left + width + border.right; }
  /// Bytes that `data` must hold.
  std::int64_t size() const { return batch * full_height() * full_width() * channels; }
  std::uint8_t* pixel(std::int64_t sample, std::int64_t y, std::int64_t x) const {
    const auto row = (sample * full_height() + border.top + y) * full_width();
    return data + (row + border.left + x) * channels;
  }
};

/// Writes the zero point around every picture.
void fill_border(const ByteImage& image, int zero_point);

/// Rows [rows, width] -> bytes, with the range found first.
Quantisation quantise(const float* x, std::int64_t rows, std::int64_t width, std::uint8_t* out);

/// Channels-last pictures [batch, height, width, channels] -> bytes with a border.
Quantisation quantise(const float* x, const ByteImage& out);

/// The same of pictures [batch, height, width, channels] enlarged to the size of `out` by repeating
/// pixels: pixel (y, x) is source pixel (y * height / out.height, x * width / out.width), rounded
/// down. `out.batch` and `out.channels` are those of x.
Quantisation quantise_enlarged(const float* x, std::int64_t height, std::int64_t width,
                               const ByteImage& out);

}  // namespace sumi
