#pragma once

#include <variant>

#include "models/mmdit.h"
#include "models/unet.h"

namespace sumi {

/// What a prompt is to a network.
struct TextInputs {
  AttendedContext context;  ///< [N, tokens, width]
  Tensor pooled = {};       ///< [N, width]; only transformers read it
};

/// The network that denoises, whichever it is: a U-Net or a transformer. A handle, as they are.
class DiffusionNetwork : public Module {
 public:
  DiffusionNetwork(UNet unet);          // NOLINT: every U-Net is one
  DiffusionNetwork(MMDiT transformer);  // NOLINT: and every transformer

  /// sample: [N, in_channels, H, W]; timesteps: float [N] -> [N, out_channels, H, W], the raw
  /// output. A transformer has no merging of tokens and no embedded guidance scale: those options
  /// must not be set.
  Tensor forward(const Tensor& sample, const Tensor& timesteps, const TextInputs& text,
                 const UNetOptions& options = {}) const;

  bool is_transformer() const { return std::holds_alternative<MMDiT>(network_); }
  const UNet& unet() const { return std::get<UNet>(network_); }
  const MMDiT& transformer() const { return std::get<MMDiT>(network_); }
  std::int64_t in_channels() const;
  /// Width of the context that it attends to.
  std::int64_t context_width() const;

 private:
  std::variant<UNet, MMDiT> network_;
};

}  // namespace sumi
