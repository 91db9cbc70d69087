#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/configs.h"
#include "models/resnet.h"
#include "models/spatial_transformer.h"
#include "models/timestep_embedding.h"

namespace sumi {

/// What every layer of a pass is told.
struct UNetInputs {
  Tensor time;              ///< SiLU of the time embedding, [N, width]
  AttendedContext context;  ///< [N, tokens, width]
  MergingSettings merging;  ///< of the finest attention
};

/// One resolution on the way down: residual blocks, each followed by attention where there is one;
/// every output is kept for the way up.
class UNetDownBlock : public Module {
 public:
  UNetDownBlock(const UNetConfig& config, std::size_t index);
  Tensor forward(Tensor x, const UNetInputs& inputs, std::vector<Tensor>& skips) const;
  /// The first layer alone.
  Tensor forward_first(Tensor x, const UNetInputs& inputs, std::vector<Tensor>& skips) const;

 private:
  Tensor layer(std::size_t i, Tensor x, const UNetInputs& inputs, std::vector<Tensor>& skips) const;

  bool finest_attention_;
  std::vector<ResnetBlock> resnets_;
  std::vector<SpatialTransformer> attentions_;
  std::vector<Conv2d> downsamplers_;
};

class UNetMidBlock : public Module {
 public:
  explicit UNetMidBlock(const UNetConfig& config);
  Tensor forward(Tensor x, const UNetInputs& inputs) const;

 private:
  std::vector<ResnetBlock> resnets_;
  std::vector<SpatialTransformer> attentions_;
};

/// One resolution on the way up: takes its skips off the end of the list.
class UNetUpBlock : public Module {
 public:
  UNetUpBlock(const UNetConfig& config, std::size_t index);
  /// What the last two layers are given from below goes into `deep`, where that is not null.
  Tensor forward(Tensor x, const UNetInputs& inputs, std::vector<Tensor>& skips,
                 Tensor* deep = nullptr) const;
  /// How many skips it takes.
  std::size_t layers() const { return resnets_.size(); }
  /// The last two layers alone, given what was `deep`.
  Tensor forward_last(Tensor deep, const UNetInputs& inputs, std::vector<Tensor>& skips) const;

 private:
  Tensor layer(std::size_t i, Tensor x, const UNetInputs& inputs, std::vector<Tensor>& skips) const;

  bool finest_attention_;
  std::vector<ResnetBlock> resnets_;
  std::vector<SpatialTransformer> attentions_;
  std::vector<Conv2d> upsamplers_;
};

/// Told the name of each part ("down_blocks.1", "mid_block", …) and its output. The tensor may be
/// overwritten afterwards: clone what is kept.
using UNetObserver = std::function<void(const std::string& part, const Tensor& output)>;

/// What a pass may be told beyond its inputs.
struct UNetOptions {
  Tensor timestep_cond = {};  ///< [N, time_cond_proj_dim] where the network has it, else undefined
  UNetObserver observe = {};
  MergingSettings merging = {};
  /// DeepCache (Ma et al. 2023). A whole pass puts here what its outermost layers (the first on the
  /// way down, the last two on the way up) are given from below; null where nobody wants it. …
  Tensor* keep_deep = nullptr;
  /// … and given back at another noise level, only those outermost layers are computed.
  Tensor deep = {};
  /// In training: the blocks are computed a second time on the way back instead of keeping all they
  /// need for it (nn/recompute.h). The gradients are the same bits.
  bool recompute_blocks = false;
};

/// The network of Stable Diffusion 1.x and 2.x (Rombach et al. 2022; diffusers
/// UNet2DConditionModel), with 4, 8 (instruct-pix2pix) or 9 (inpainting) input channels.
class UNet : public Module {
 public:
  explicit UNet(const UNetConfig& config);

  /// sample: [N, in_channels, H, W]; timesteps: float [N]; context: [N, tokens,
  /// cross_attention_dim].
  /// -> [N, out_channels, H, W], the raw output (noise, v or whatever it was trained for).
  Tensor forward(const Tensor& sample, const Tensor& timesteps, const AttendedContext& context,
                 const UNetOptions& options = {}) const;
  const UNetConfig& config() const { return config_; }

 private:
  Tensor embed_time(const Tensor& timesteps, const Tensor& timestep_cond,
                    torch::ScalarType dtype) const;
  Tensor through_recomputed(Tensor x, const UNetInputs& inputs) const;
  Tensor through_all(Tensor x, const UNetInputs& inputs, const UNetOptions& options) const;
  Tensor through_outermost(Tensor x, const UNetInputs& inputs, const Tensor& deep) const;

  UNetConfig config_;
  Conv2d conv_in_;
  Linear time_linear_1_, time_linear_2_;
  std::vector<Linear> cond_proj_;  // one or none
  std::vector<UNetDownBlock> down_blocks_;
  UNetMidBlock mid_block_;
  std::vector<UNetUpBlock> up_blocks_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};

}  // namespace sumi
