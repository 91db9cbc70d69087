#include "cli/random_model.h"

#include <ATen/CPUGeneratorImpl.h>

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
