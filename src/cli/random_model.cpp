#include "cli/random_model.h"

#include <ATen/CPUGeneratorImpl.h>

#include "core/paths.h"
#include "models/catalog.h"

namespace sumi {
namespace {

constexpr double kSmallDeviation = 0.02;

template <class Network>
Network filled(Network network) {
  fill_at_random(network);
  return network;
}

}  // namespace

void fill_at_random(Module& module) {
  const torch::NoGradGuard no_grad;
  initialise(module, 1);
  auto generator = at::detail::createCPUGenerator(2);
  for (const auto& [name, value] : module.parameters())
    if (value->dim() > 1 && value->flatten()[0].item<float>() == 0)
      value->normal_(0, kSmallDeviation, generator);
}

ModelSet random_sd15() {
  ModelSpec spec;
  spec.family = "sd1";
  spec.variant = "text-to-image";
  spec.prediction_type = "epsilon";
  spec.has_unet = spec.has_vae = spec.has_text = true;
  ModelSet models("random SD 1.5", spec,
                  ClipTokenizer::from_merges(resource("clip/bpe_simple_vocab_16e6.txt")),
                  filled(ClipTextModel(spec.text)), filled(UNet(spec.unet)),
                  LatentCoder(filled(AutoencoderKL(spec.vae))));
  models.defaults = {512, 512, 20, 7.5, "Euler", ""};
  return models;
}

Checkpoint random_sd15_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.family = "sd1";
  checkpoint.layout = "single file";
  checkpoint.components["unet"] = state_of(filled(UNet(UNetConfig{})));
  checkpoint.components["vae"] = state_of(filled(AutoencoderKL(VaeConfig{})));
  checkpoint.components["text_encoder"] = state_of(filled(ClipTextModel(ClipTextConfig{})));
  return checkpoint;
}

}  // namespace sumi
