#pragma once

#include <cstdint>
#include <string>

#include "pipelines/latent_coder.h"
#include "pipelines/memory_options.h"
#include "pipelines/request.h"

namespace sumi {

struct ModelSet;

/// Memory of the whole process while each network runs, in bytes.
struct Forecast {
  std::uint64_t text_bytes = 0, denoising_bytes = 0, decoding_bytes = 0;
  std::uint64_t peak_bytes() const;
};

/// How a run fits into its memory.
struct MemoryPlan {
  std::string precision = "fp32";  ///< of the U-Net: "fp32" or "int8"
  std::size_t batch_size = 1;      ///< pictures computed together
  TilePlan tiles;
  /// The U-Net's laid out weights stay while pictures are decoded, for the next batch.
  bool unet_stays = true;
  Forecast forecast;
  double operations = 0;  ///< of all pictures' products
};

/// Chooses what fits, for `count` pictures of a resolved request. Where a budget is given and would
/// be exceeded, the parts give way in the order of what it costs: the U-Net's layout goes while
/// decoding, the autoencoder works in smaller tiles, batches shrink, and a precision that is
/// `open` ("auto" was asked for) becomes int8 where this processor multiplies bytes. `resident`:
/// bytes of the process before anything is laid out. Throws Error naming the least budget that
/// would do.
MemoryPlan plan_memory(const ModelSet& models, const GenerateRequest& resolved, std::size_t count,
                       bool precision_is_open, const MemoryOptions& options,
                       std::uint64_t resident);

/// "int8, 1 picture at a time, decoded in tiles of 256 pixels after the denoiser's weights are let
/// go".
std::string describe(const MemoryPlan& plan);

}  // namespace sumi
