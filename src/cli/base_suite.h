#pragma once

#include "cli/command.h"

namespace sumi {

/// One line of a benchmark's result: `value` stands under `section` ("ratios", "seconds" or
/// "bytes") and `key`.
struct Measurement {
  const char* section;
  const char* key;
  Json (*run)(const BenchCommand& command);  ///< {"value": number, …what else was seen}
};

/// A full-size U-Net of SD 1.5 (random weights, 512 x 512, batch of 2, 32-bit) against the same
/// layers as plain calls of LibTorch, timed alternately: how many times as fast ours is (medians).
Json measure_unet(const BenchCommand& command);

/// Peak resident memory of SD 1.5 text to image, 512 x 512, 32-bit, two steps.
Json measure_txt2img_memory(const BenchCommand& command);

/// Loading a checkpoint of SD 1.5 with 16-bit weights (2.1 GB) from the page cache until it can
/// draw.
Json measure_loading(const BenchCommand& command);

}  // namespace sumi
