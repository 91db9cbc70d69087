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

Json as_json(const TrainingSummary& summary, const TrainingForecast& forecast,
             const std::string& output) {
  return {{"output", output},
          {"samples", summary.samples},
          {"updates", summary.updates},
          {"skipped", summary.skipped},
          {"rollbacks", summary.rollbacks},
          {"stopped_early", summary.stopped_early},
          {"parameters", summary.parameters},
          {"validation_loss", summary.validation_loss},
          {"damaged", to_json(summary.damage)},
          {"validation_damaged", to_json(summary.validation_damage)},
          {"forecast", {{"seconds", forecast.seconds}, {"peak_memory_bytes", forecast.peak_bytes}}},
          {"seconds", summary.seconds},
          {"peak_memory_bytes", peak_memory_bytes()}};
}

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void print_forecast(const TrainingForecast& forecast) {
  fmt::print(stderr,
             "{} parameters, {} updates to go: about {}, {:.0f} MB at most "
             "(weights and gradients {:.1f}, optimiser and averages {:.1f})\n",
             forecast.parameters, forecast.updates, format_duration(forecast.seconds),
             mebibytes(forecast.peak_bytes), mebibytes(forecast.weight_bytes),
             mebibytes(forecast.optimiser_bytes));
}

void print_summary(const TrainingSummary& summary, const std::string& output) {
  fmt::print("{}: {} samples seen{}, validation loss {:.4f}, {} in this run, {:.0f} MB at most\n",
             output, summary.samples, summary.stopped_early ? ", stopped early" : "",
             summary.validation_loss, format_duration(summary.seconds),
             mebibytes(peak_memory_bytes()));
  tell(summary.damage, "training");
  tell(summary.validation_damage, "validation");
}

/// Trains one recipe; what it came to as JSON.
Json run_stage(const TrainCommand& command, const std::filesystem::path& file,
               const std::string& output, const CancelToken& cancel) {
  const auto recipe = read_recipe(file);
  const Runtime runtime{command.machine.device,
                        command.machine.threads > 0 ? command.machine.threads : recipe.threads,
                        cancel};
  TrainingForecast forecast;
  TrainCallbacks callbacks;
  if (!command.machine.json) callbacks.progress = terminal_progress("sample");
  callbacks.pictures = picture_maker(runtime);
  callbacks.foretold = [&](const TrainingForecast& told) {
    forecast = told;
    if (!command.machine.json) print_forecast(told);
  };
  const auto summary = train(recipe, output, runtime, callbacks);
  if (!command.machine.json) print_summary(summary, output);
  return as_json(summary, forecast, output);
}

}  // namespace

int run(const TrainCommand& command) {
  const std::filesystem::path file = command.recipe;
  const std::filesystem::path output =
      command.output.empty() ? "out/" + file.stem().string() : command.output;
  const auto stages = stages_of(file);
  for (const auto& stage : stages) read_recipe(stage);  // all errors before the first hour
  CancelToken cancel;
  const InterruptGuard guard(cancel);
  Json results = Json::array();
  for (const auto& stage : stages)
    results.push_back(run_stage(
        command, stage, (stages.size() == 1 ? output : output / stage.stem()).string(), cancel));
  if (command.machine.json)
    print_json(stages.size() == 1 ? results.front() : Json{{"stages", results}});
  return 0;
}

}  // namespace sumi
