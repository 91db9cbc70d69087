#include <fmt/format.h>

#include <sstream>

#include "cli/engine_commands.h"
#include "cli/interrupt.h"
#include "cli/output_path.h"
#include "cli/plain_commands.h"
#include "core/files.h"
#include "core/paths.h"
#include "core/tensor.h"
#include "data/dataset.h"
#include "media/contact_sheet.h"
#include "pipelines/generate.h"
#include "training/identification.h"

namespace sumi {
namespace {

/// Captions of the world's samples and the real pictures that belong to them.
struct RealSamples {
  std::vector<Image> pictures;
  std::vector<std::string> captions;
};

RealSamples real_samples(const EvalCommand& command) {
  auto config = read_dataset_config(command.world);
  config.split = command.split;
  const Dataset dataset(config, cache_directory());
  RealSamples samples;
  for (int i = 0; i < command.count; ++i) {
    auto sample = dataset.at(static_cast<std::uint64_t>(i));
    samples.pictures.push_back(std::move(sample.picture));
    samples.captions.push_back(std::move(sample.caption));
  }
  return samples;
}

std::vector<Image> drawn_pictures(const EvalCommand& command,
                                  const std::vector<std::string>& captions,
                                  const Runtime& runtime) {
  std::vector<GenerateRequest> requests(captions.size());
  for (std::size_t i = 0; i < captions.size(); ++i) {
    requests[i].model = command.model;
    requests[i].prompt = captions[i];
    requests[i].seed = command.seed + static_cast<std::int64_t>(i);
  }
  const auto models = load_models(requests.front(), runtime);
  GenerateHooks hooks;
  if (!command.machine.json) hooks.progress = terminal_progress("step");
  std::vector<Image> images;
  for (auto& picture : generate(*models, requests, runtime, hooks))
    images.push_back(std::move(picture.image));
  return images;
}

void print_rate(const char* what, const Identification& result) {
  fmt::print("{:<22}{:5.1f} %  ({} of {}, 95 % interval {:.1f} to {:.1f} %)\n", what,
             100 * result.rate, result.picked, result.pictures, 100 * result.low,
             100 * result.high);
}

}  // namespace

int run(const EvalCommand& command) {
  Runtime runtime{command.machine.device, command.machine.threads, {}};
  const InterruptGuard guard(runtime.cancel);
  start_torch(runtime);
  const auto scorer = open_scorer(command.scorer);
  const auto real = real_samples(command);
  const auto drawn = drawn_pictures(command, real.captions, runtime);
  const auto of_drawn = identify(scorer, drawn, real.captions, command.group);
  const auto of_real = identify(scorer, real.pictures, real.captions, command.group);
  if (!command.output.empty()) {
    const auto shown = std::min<std::size_t>(drawn.size(), 64);
    save_image(command.output,
               contact_sheet(std::span(drawn).first(shown), std::span(real.captions).first(shown)));
  }
  if (command.machine.json) {
    print_json({{"model", command.model},
                {"split", command.split},
                {"generated", to_json(of_drawn)},
                {"real", to_json(of_real)},
                {"chance", of_drawn.chance()},
                {"sheet", command.output}});
    return 0;
  }
  print_rate("generated pictures", of_drawn);
  print_rate("real pictures", of_real);
  fmt::print("{:<22}{:5.1f} %\n", "chance", 100 * of_drawn.chance());
  return 0;
}

}  // namespace sumi
