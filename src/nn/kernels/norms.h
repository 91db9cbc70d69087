#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "nn/kernels/picture_input.h"
#include "nn/kernels/quantisation.h"

namespace sumi {

/// GroupNorm (Wu & He 2018) over channels-last pictures, with what stands around it in a residual
/// block. All arrays are float32.
struct GroupNormTask {
  /// Of `pixels` pixels. A second source with channels > 0 stands behind the first along the
  /// channels, as if both had been concatenated.
  std::array<PictureSource, 2> sources;
  std::int64_t batch = 1;
  std::int64_t pixels = 1;
  /// [batch, channels of both sources], added to every pixel before the statistics (the time
  /// embedding); may be null.
  const float* shift = nullptr;
  /// [channels of both sources] each.
  const float* weight = nullptr;
  const float* bias = nullptr;
  /// Divides the number of channels.
  std::int64_t groups = 32;
  double epsilon = 1e-5;
  /// Ends in x * sigmoid(x).
  bool silu = false;

  std::int64_t channels() const { return sources[0].channels + sources[1].channels; }
};

/// What the norm does before its SiLU, x * scale + shift for every channel of every sample, for a
/// convolution that applies it as it reads (PictureInput). [batch, channels] each.
struct GroupNormScales {
  std::vector<float> scale, shift;
};
GroupNormScales group_norm_scales(const GroupNormTask& task);

/// Reads the sources twice and writes `out` [batch, pixels, channels] once; `out` may be the single
/// source itself.
void group_norm(const GroupNormTask& task, float* out);

/// The same as bytes. Their range is known before the second reading: it follows from the range of
/// every channel, since scaling is monotone and SiLU falls to its one minimum and rises. Shape:
/// out.height * out.width = pixels.
Quantisation group_norm_to_bytes(const GroupNormTask& task, const ByteImage& out);

/// LayerNorm (Ba et al. 2016) over rows [rows, width].
struct LayerNormTask {
  const float* x = nullptr;
  std::int64_t rows = 1;
  std::int64_t width = 1;
  /// [width] each.
  const float* weight = nullptr;
  const float* bias = nullptr;
  double epsilon = 1e-5;
};

/// `out`: [rows, width], may be x.
void layer_norm(const LayerNormTask& task, float* out);
Quantisation layer_norm_to_bytes(const LayerNormTask& task, std::uint8_t* out);

/// GEGLU (Shazeer 2020), with the exact GELU: [rows, 2 * width] -> [rows, width], the first half
/// times gelu(second half). Absolute error of gelu below 1e-6. `out` is another array than x.
void geglu(const float* x, std::int64_t rows, std::int64_t width, float* out);
/// The same as bytes. Overwrites the first half of x with the unrounded result.
Quantisation geglu_to_bytes(float* x, std::int64_t rows, std::int64_t width, std::uint8_t* out);

}  // namespace sumi
