#include "pipelines/layer_measurement.h"

#include "core/processor.h"
#include "core/tensor_memory.h"
#include "diffusion/noise.h"
#include "models/conditioning.h"

namespace sumi {

void measure_layers(ModelSet& models) {
  if (!models.device.is_cpu() || !processor().vnni)
    throw Error("layers can be measured in int8 only on a processor with AVX-512 VNNI",
                "convert the model on such a machine");
  const torch::NoGradGuard no_grad;
  const TextConditioner conditioner(models.tokenizer, models.text, models.spec.skipped_text_layers);
  const auto encoded = conditioner.encode("", {});
  const auto& text = encoded.branches.front().stage_at(1);
  release_layouts(models.text);
  return_freed_memory();
  const std::int64_t side = models.spec.size_px / models.coder.downscale();
  const Tensor noise = batch_noise({image_noise("cpu", 0)})(
      torch::empty({1, models.network.in_channels(), side, side}));
  const Tensor last = torch::full({1}, models.schedule.num_train_timesteps - 1.0);
  UNetOptions options;
  if (models.spec.unet.time_cond_proj_dim > 0)
    options.timestep_cond = torch::zeros({1, models.spec.unet.time_cond_proj_dim});
  use_precision(models, "int8");
  models.network.forward(noise, last, {text.context, text.pooled}, options);
  release_layouts(models.network);
}

}  // namespace sumi
