#pragma once

#include <array>
#include <cstdint>

#include "nn/kernels/convolution_shape.h"

namespace sumi {

/// Pictures [batch, height, width, channels] of float32.
struct PictureSource {
  const float* data = nullptr;
  std::int64_t channels = 0;
};

/// What a convolution reads, with what happens to it on the way, so that no changed copy of a whole
/// picture is ever written.
struct PictureInput {
  /// A second source with channels > 0 stands behind the first along the channels, as if both had
  /// been concatenated.
  std::array<PictureSource, 2> sources;
  /// As the convolution sees it.
  ImageSize size;
  /// Of the sources, where they are enlarged by repeating pixels: pixel (y, x) is source pixel
  /// (y * from_height / size.height, x * from_width / size.width), rounded down. 0: they are not.
  std::int64_t from_height = 0, from_width = 0;
  /// x * scale + shift first, [batch, channels of both sources]; null: x as it is. Padding is zero
  /// afterwards.
  const float* scale = nullptr;
  const float* shift = nullptr;
  /// Then x * sigmoid(x). Only with a scale.
  bool silu = false;

  std::int64_t channels() const { return sources[0].channels + sources[1].channels; }
  /// Whether the first source is all there is to it.
  bool plain() const { return sources[1].channels == 0 && from_height == 0 && scale == nullptr; }
};

/// A run of pixels of one row, some of which may lie outside of the picture, and a run of one
/// source's channels.
struct PictureRun {
  std::int64_t sample, y, first_x, last_x;
  std::size_t source;
  std::int64_t first_channel, channels;
};

/// Writes the run as the convolution sees it, pixels `stride` floats apart; zeros outside.
void stage(const PictureInput& x, const PictureRun& run, float* out, std::int64_t stride);

/// All of it: [batch, height, width, channels].
void stage_all(const PictureInput& x, float* out);

}  // namespace sumi
