#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/engine_commands.h"
#include "cli/interrupt.h"
#include "cli/measurement.h"
#include "cli/plain_commands.h"
#include "cli/trajectories.h"
#include "cli/tuned.h"
#include "core/paths.h"
#include "core/processor.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"

namespace sumi {
namespace {

using Clock = std::chrono::steady_clock;

/// Below this agreement with float32, in dB, int8 is not remembered, however fast.
constexpr double kLowestAgreement_db = 20;
/// A smaller gain is not told from noise, and the more exact or smaller choice is kept.
constexpr double kLeastGain = 1.05;

struct Candidate {
  int threads;
  std::string precision;
  int batch_size;
};

/// What one step costs under a candidate.
struct Trial {
  Candidate candidate;
  double seconds = 0;  ///< of one picture's step
  double snr_db = 99;  ///< against float32
};

/// The input of one guided step, the same for all candidates.
struct StepInput {
  Tensor sample;
  ConditioningStage text;

  StepInput(const ModelSet& models, int width, int height) {
    const auto down = models.coder.downscale();
    sample = torch::randn({1, models.network.in_channels(), height / down, width / down});
    const TextConditioner conditioner(models.tokenizer, models.text,
                                      models.spec.skipped_text_layers);
    text = conditioner.encode("a red apple on a blue table", {}).branches.front().stage_at(1);
  }
  Tensor run(const DiffusionNetwork& network, std::int64_t rows) const {
    return network.forward(sample.expand({rows, -1, -1, -1}).contiguous(),
                           torch::full({rows}, 500.0),
                           {text.context.expand({rows, -1, -1}).contiguous(),
                            text.pooled.expand({rows, -1}).contiguous()});
  }
};

/// Measures candidates one after the other for as long as there is time.
class Tuner {
 public:
  Tuner(const TuneCommand& command, ModelSet& models, StepInput input, const CancelToken& cancel)
      : command_(command),
        models_(models),
        input_(std::move(input)),
        cancel_(cancel),
        start_(Clock::now()),
        rows_(models.spec.guidance_distilled ? 1 : 2) {}

  /// False where it was left out, since the time was up or would have been. The first always runs.
  bool attempt(const Candidate& candidate) {
    cancel_.check();
    if (!trials_.empty() && spent_s() + forecast_s(candidate) > command_.seconds) {
      skipped_.push_back(name(candidate));
      return false;
    }
    start_torch({"cpu", candidate.threads, cancel_});
    use_precision(models_, candidate.precision);
    const auto rows = rows_ * candidate.batch_size;
    Tensor out;
    const double first_s = seconds_of([&] { out = input_.run(models_.network, rows); });
    double best_s = first_s;
    for (int i = 0; i < command_.repeats && spent_s() + best_s < command_.seconds; ++i) {
      cancel_.check();
      best_s = std::min(best_s, seconds_of([&] { out = input_.run(models_.network, rows); }));
    }
    if (!exact_.defined()) exact_ = out.narrow(0, 0, 1).clone();
    trials_.push_back(
        {candidate, best_s / candidate.batch_size, snr_db(exact_, out.narrow(0, 0, 1))});
    if (!command_.machine.json) print(trials_.back());
    return true;
  }

  /// The fastest of those that are accurate enough; an earlier one unless a later is clearly
  /// faster.
  const Trial& best() const {
    const Trial* best = &trials_.front();
    for (const auto& trial : trials_)
      if (trial.snr_db >= kLowestAgreement_db && trial.seconds * kLeastGain < best->seconds)
        best = &trial;
    return *best;
  }
  const std::vector<Trial>& trials() const { return trials_; }
  const std::vector<std::string>& skipped() const { return skipped_; }

  static std::string name(const Candidate& c) {
    return fmt::format("{} {}, {}, {} at once", c.threads, c.threads == 1 ? "thread" : "threads",
                       c.precision, c.batch_size);
  }

 private:
  double spent_s() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  /// Two runs at the slowest pace seen so far, one of which lays the weights out.
  double forecast_s(const Candidate& candidate) const {
    double slowest = 0;
    for (const auto& trial : trials_)
      slowest = std::max(slowest, trial.seconds * trial.candidate.threads / candidate.threads);
    return 2 * slowest * candidate.batch_size;
  }
  static void print(const Trial& trial) {
    fmt::print(stderr, "{:<32}{:>10.1f} ms a step and picture{}\n", name(trial.candidate),
               trial.seconds * 1e3,
               trial.snr_db < 99 ? fmt::format(", {:.0f} dB against fp32", trial.snr_db) : "");
  }

  const TuneCommand& command_;
  ModelSet& models_;
  StepInput input_;
  CancelToken cancel_;
  Clock::time_point start_;
  std::int64_t rows_;
  Tensor exact_;
  std::vector<Trial> trials_;
  std::vector<std::string> skipped_;
};

/// One choice after another, each from the best of those before: precision, threads, pictures at
/// once.
void measure_all(Tuner& tuner, int cores) {
  tuner.attempt({cores, "fp32", 1});
  if (processor().vnni) tuner.attempt({cores, "int8", 1});
  for (int threads = cores / 2; threads >= 1; threads /= 2)
    tuner.attempt({threads, tuner.best().candidate.precision, 1});
  for (const int batch : {2, 4}) {
    auto candidate = tuner.best().candidate;
    candidate.batch_size = batch;
    if (!tuner.attempt(candidate)) break;
  }
}

Json as_json(const Trial& trial) {
  return {{"threads", trial.candidate.threads},
          {"precision", trial.candidate.precision},
          {"batch_size", trial.candidate.batch_size},
          {"seconds", trial.seconds},
          {"snr_db", trial.snr_db}};
}

void report(const TuneCommand& command, const Tuner& tuner, const Tuning& kept) {
  if (command.machine.json) {
    Json trials = Json::array();
    for (const auto& trial : tuner.trials()) trials.push_back(as_json(trial));
    print_json({{"trials", trials}, {"not_measured", tuner.skipped()}, {"kept", to_json(kept)}});
    return;
  }
  for (const auto& name : tuner.skipped())
    fmt::print(stderr, "{:<32}not measured: it would take more than the {} s of --seconds\n", name,
               command.seconds);
  fmt::print("{}x{}: {} from now on, unless you ask for another; sumi tune --forget undoes it\n",
             kept.width, kept.height, Tuner::name(tuner.best().candidate));
}

int forget(const TuneCommand& command) {
  const int count = forget_tuning(model_identity(find_model(command.model)), tuned_processor());
  if (command.machine.json)
    print_json({{"forgotten", count}});
  else
    fmt::print("forgot {} {}\n", count, count == 1 ? "size" : "sizes");
  return 0;
}

}  // namespace

int run(const TuneCommand& command) {
  if (command.forget) return forget(command);
  Runtime runtime{command.machine.device, command.machine.threads, {}};
  const InterruptGuard guard(runtime.cancel);
  const torch::NoGradGuard no_grad;
  GenerateRequest request;
  request.model = command.model;
  request.width = command.width;
  request.height = command.height;
  const auto models = load_models(request, runtime);
  if (!models->device.is_cpu())
    throw Error("tuning is for processors, and the device is " + command.machine.device,
                "leave --device out");
  request = resolve(request, *models);

  torch::manual_seed(0);
  Tuner tuner(command, *models, StepInput(*models, request.width, request.height), runtime.cancel);
  measure_all(tuner, runtime.threads > 0 ? runtime.threads : available_cores());
  const auto& best = tuner.best();
  const Tuning kept{
      model_identity(model_path(command.model)),
      tuned_processor(),
      request.width,
      request.height,
      request.width == models->defaults.width && request.height == models->defaults.height,
      best.candidate.threads,
      best.candidate.precision,
      best.candidate.batch_size,
      best.seconds};
  remember(kept);
  report(command, tuner, kept);
  return 0;
}

}  // namespace sumi
