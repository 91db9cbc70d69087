#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cli/engine_commands.h"
#include "cli/interrupt.h"
#include "cli/outcome.h"
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
          {"forecast",
           {{"seconds", forecast.seconds},
            {"update_seconds", forecast.update_seconds},
            {"peak_memory_bytes", forecast.peak_bytes},
            {"disk_bytes", forecast.disk_bytes}}},
          {"seconds", summary.seconds},
          {"peak_memory_bytes", peak_memory_bytes()}};
}

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void print_forecast(const TrainingForecast& forecast) {
  fmt::print(stderr,
             "{} parameters, {} updates to go: about {}, {:.0f} MB at most "
             "(weights and gradients {:.1f}, optimiser and averages {:.1f}{})\n",
             forecast.parameters, forecast.updates, format_duration(forecast.seconds),
             mebibytes(forecast.peak_bytes), mebibytes(forecast.weight_bytes),
             mebibytes(forecast.optimiser_bytes),
             forecast.disk_bytes == 0
                 ? ""
                 : fmt::format("; {:.1f} on disk", mebibytes(forecast.disk_bytes)));
}

void print_summary(const TrainingSummary& summary, const std::string& output) {
  fmt::print("{}: {} samples seen{}, validation loss {:.4f}, {} in this run, {:.0f} MB at most\n",
             output, summary.samples, summary.stopped_early ? ", stopped early" : "",
             summary.validation_loss, format_duration(summary.seconds),
             mebibytes(peak_memory_bytes()));
  tell(summary.damage, "training");
  tell(summary.validation_damage, "validation");
}

/// Processes of one machine share its cores, and have a GPU each.
Runtime runtime_of(const TrainCommand& command, const Recipe& recipe, const ProcessPlace& place,
                   const CancelToken& cancel) {
  Runtime runtime{command.machine.device,
                  command.machine.threads > 0 ? command.machine.threads : recipe.threads, cancel};
  if (place.count == 1) return runtime;
  if (runtime.threads == 0) runtime.threads = std::max(1, available_cores() / place.local_count);
  if (runtime.device == "cuda") runtime.device = fmt::format("cuda:{}", place.local_rank);
  return runtime;
}

/// Trains one recipe; what it came to as JSON.
Json run_stage(const TrainCommand& command, const std::filesystem::path& file,
               const std::string& output, const CancelToken& cancel,
               const std::shared_ptr<Processes>& processes) {
  const auto recipe = read_recipe(file);
  const Runtime runtime = runtime_of(command, recipe, processes->place(), cancel);
  const bool says = processes->first() && !command.machine.json;
  TrainingForecast forecast;
  TrainCallbacks callbacks;
  if (says) callbacks.progress = terminal_progress("sample");
  callbacks.pictures = picture_maker(runtime);
  callbacks.foretold = [&](const TrainingForecast& told) {
    forecast = told;
    if (says) print_forecast(told);
  };
  callbacks.processes = processes;
  const auto summary = train(recipe, output, runtime, callbacks);
  if (says) print_summary(summary, output);
  return as_json(summary, forecast, output);
}

int run_stages(const TrainCommand& command) {
  const std::filesystem::path file = command.recipe;
  const std::filesystem::path output =
      command.output.empty() ? "out/" + file.stem().string() : command.output;
  CancelToken cancel;
  const InterruptGuard guard(cancel);
  const auto processes = std::make_shared<Processes>(place_from_environment());
  std::vector<std::filesystem::path> stages;
  processes->together([&] {
    stages = stages_of(file);
    for (const auto& stage : stages) read_recipe(stage);  // all errors before the first hour
  });
  Json results = Json::array();
  for (const auto& stage : stages)
    results.push_back(run_stage(command, stage,
                                (stages.size() == 1 ? output : output / stage.stem()).string(),
                                cancel, processes));
  if (command.machine.json && processes->first())
    print_json(stages.size() == 1 ? results.front() : Json{{"stages", results}});
  return 0;
}

/// Ends at once: what is still under way to a lost process would keep this one waiting.
[[noreturn]] void end_after_loss(const LostProcess& error) {
  fmt::print(stderr, "sumi: {}\n  try: {}\n", error.what(), error.hint());
  std::fflush(nullptr);
  std::_Exit(kExitLost);
}

}  // namespace

int run(const TrainCommand& command) {
  try {
    return run_stages(command);
  } catch (const LostProcess& error) {
    end_after_loss(error);
  } catch (const SharedError&) {
    return kExitError;  // the first process tells it
  } catch (const Cancelled&) {
    if (place_from_environment().rank > 0) return kExitCancelled;
    throw;
  }
}

}  // namespace sumi
