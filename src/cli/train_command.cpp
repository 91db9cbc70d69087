#include <fmt/format.h>

#include <filesystem>

#include "cli/engine_commands.h"
#include "cli/interrupt.h"
#include "cli/plain_commands.h"
#include "pipelines/generate.h"
#include "training/train.h"

namespace sumi {
namespace {

constexpr std::int64_t kValidationSeed = 1;

/// Validation pictures as anyone would make them: the pipeline with the model's own defaults.
PictureMaker picture_maker(const Runtime& runtime) {
  return [runtime](const std::filesystem::path& model, const std::vector<std::string>& prompts) {
    std::vector<GenerateRequest> requests(prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      requests[i].model = model.string();
      requests[i].prompt = prompts[i];
      requests[i].seed = kValidationSeed;
    }
    const auto models = load_models(requests.front(), runtime);
    std::vector<Image> images;
    for (auto& picture : generate(*models, requests, runtime))
      images.push_back(std::move(picture.image));
    return images;
  };
}

/// What a person should know of the samples that were left out.
void tell(const Damage& damage, const char* which) {
  if (damage.count == 0) return;
  fmt::print("{} damaged {} samples left out:\n", damage.count, which);
  for (const auto& name : damage.names) fmt::print("  {}\n", name);
}

Json as_json(const TrainingSummary& summary, const std::string& output) {
  return {{"output", output},
          {"samples", summary.samples},
          {"updates", summary.updates},
          {"skipped", summary.skipped},
          {"parameters", summary.parameters},
          {"validation_loss", summary.validation_loss},
          {"damaged", to_json(summary.damage)},
          {"validation_damaged", to_json(summary.validation_damage)},
          {"seconds", summary.seconds},
          {"peak_memory_bytes", peak_memory_bytes()}};
}

}  // namespace

int run(const TrainCommand& command) {
  const std::filesystem::path file = command.recipe;
  const auto recipe = read_recipe(file);
  const auto output = command.output.empty() ? "out/" + file.stem().string() : command.output;
  Runtime runtime{command.machine.device,
                  command.machine.threads > 0 ? command.machine.threads : recipe.threads,
                  {}};
  const InterruptGuard guard(runtime.cancel);
  TrainCallbacks callbacks;
  if (!command.machine.json) callbacks.progress = terminal_progress("sample");
  callbacks.pictures = picture_maker(runtime);
  const auto summary = train(recipe, output, runtime, callbacks);
  if (command.machine.json) {
    print_json(as_json(summary, output));
    return 0;
  }
  fmt::print("{}: {} samples seen, validation loss {:.4f}, {} in this run\n", output,
             summary.samples, summary.validation_loss, format_duration(summary.seconds));
  tell(summary.damage, "training");
  tell(summary.validation_damage, "validation");
  return 0;
}

}  // namespace sumi
