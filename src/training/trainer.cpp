#include "training/trainer.h"

#include <c10/core/GradMode.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "media/contact_sheet.h"
#include "training/optimiser.h"
#include "training/power_average.h"
#include "training/randomness.h"
#include "training/reductions.h"
#include "training/run_log.h"
#include "training/run_report.h"
#include "training/snapshots.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kOtherSeed = 0x9fb21c651e98df25;  // odd: another seed for each rollback
constexpr double kLossMemory = 0.98;  // per update, of the running mean that is shown

/// Everything that changes from update to update.
struct Counters {
  std::int64_t samples = 0;
  std::int64_t updates = 0;
  std::int64_t skipped = 0;
  int skipped_in_a_row = 0;
  double mean_loss = 0;
  double mean_weight = 0;  ///< 1 - kLossMemory^n: removes the bias of the running mean's start
  double validation_loss = 0;
  double best_loss = 0;  ///< of `validations`
  int validations = 0;
  int validations_without_gain = 0;
  int rollbacks = 0;
  bool stopped_early = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples, "");
    visit("updates", self.updates, "");
    visit("skipped", self.skipped, "");
    visit("skipped_in_a_row", self.skipped_in_a_row, "");
    visit("mean_loss", self.mean_loss, "");
    visit("mean_weight", self.mean_weight, "");
    visit("validation_loss", self.validation_loss, "");
    visit("best_loss", self.best_loss, "");
    visit("validations", self.validations, "");
    visit("validations_without_gain", self.validations_without_gain, "");
    visit("rollbacks", self.rollbacks, "");
    visit("stopped_early", self.stopped_early, "");
  }
};

bool passes(std::int64_t before, std::int64_t now, std::int64_t every) {
  return every > 0 && before / every != now / every;
}

/// One run: the state and the steps that change it.
class Run {
 public:
  Run(Task& task, const TrainerConfig& config, const fs::path& output)
      : task_(task),
        config_(config),
        output_(output),
        snapshots_(output / "snapshots"),
        parameters_(task.parameters, task.rates),
        optimiser_(parameters_, config.optimiser),
        average_(parameters_.weights().clone()),
        per_update_(std::int64_t{config.batch_size} * config.accumulation),
        total_(config.samples / per_update_ * per_update_) {
    if (config.profile_every > 0) profiles_.emplace(parameters_.weights());
    if (const auto snapshot = snapshots_.load_latest()) restore(*snapshot);
    report_.emplace(output, task.name, total_, log_);
  }

  std::int64_t samples() const { return at_.samples; }
  std::int64_t total() const { return total_; }
  std::int64_t per_update() const { return per_update_; }
  bool finished() const { return at_.samples >= total_ || at_.stopped_early; }
  std::string note() const;

  void update();
  void record();
  void save();
  void finish();
  TrainingForecast forecast();
  TrainingSummary summary() const;

 private:
  double gradients();
  void roll_back();
  bool due(std::int64_t every) const;
  void judge();
  StateDict tensors();
  void note(const Damage& damage);
  void apply(double loss);
  Panel validate();
  void restore(const Snapshot& snapshot);

  Task& task_;
  const TrainerConfig& config_;
  fs::path output_;
  SnapshotFolder snapshots_;
  ParameterBuffer parameters_;
  Optimiser optimiser_;
  Tensor average_;
  std::optional<PowerAverages> profiles_;
  std::optional<RunReport> report_;
  std::int64_t per_update_, total_;
  Counters at_;
  Damage damage_, validation_damage_;
  RunLog log_;
  std::vector<std::pair<std::string, double>> parts_;
  double norm_ = 0, rate_ = 0;
};

std::string Run::note() const {
  return at_.mean_weight > 0 ? fmt::format("loss {:.4f}", at_.mean_loss / at_.mean_weight) : "";
}

/// Adds up the gradients of one update's batches; returns the mean loss.
double Run::gradients() {
  parameters_.clear_gradients();
  double sum = 0;
  for (int part = 0; part < config_.accumulation; ++part) {
    const std::int64_t first = at_.samples + std::int64_t{part} * config_.batch_size;
    const auto seed = config_.seed + static_cast<std::uint64_t>(at_.rollbacks) * kOtherSeed;
    Loss loss = task_.loss({first, config_.batch_size,
                            mix_seed(seed, static_cast<std::uint64_t>(first)), damage_.count});
    note(loss.damage);
    (loss.total / config_.accumulation).backward();
    sum += loss.total.item<double>();
    parts_ = std::move(loss.parts);
  }
  return sum / config_.accumulation;
}

void Run::note(const Damage& damage) {
  const auto told = damage_.names.size();
  damage_.add(damage);
  for (auto i = told; i < damage_.names.size(); ++i)
    spdlog::warn("damaged, left out: {}", damage_.names[i]);
}

void Run::apply(double loss) {
  norm_ = norm_of(parameters_.gradients());
  if (!std::isfinite(norm_) || !std::isfinite(loss)) {
    ++at_.skipped;
    ++at_.skipped_in_a_row;
    return;
  }
  at_.skipped_in_a_row = 0;
  ++at_.updates;
  const double clip = config_.optimiser.clip_norm;
  optimiser_.step(rate_, clip > 0 && norm_ > clip ? clip / norm_ : 1);
  update_average(average_, parameters_.weights(), ema_decay_at(config_.ema_decay, at_.updates));
  if (profiles_) profiles_->follow(parameters_.weights(), at_.updates);
  at_.mean_loss = kLossMemory * at_.mean_loss + (1 - kLossMemory) * loss;
  at_.mean_weight = kLossMemory * at_.mean_weight + (1 - kLossMemory);
}

/// Back to the last snapshot, on with half the rate and other noise. A run that is killed before
/// the next snapshot comes to the same point and does the same again.
void Run::roll_back() {
  const int times = at_.rollbacks + 1;
  const auto snapshot = times <= config_.rollback_limit ? snapshots_.load_latest() : std::nullopt;
  if (!snapshot)
    throw Error(fmt::format("{}: {} updates in a row had a loss or gradient that is not finite, "
                            "after {} times back to a snapshot",
                            task_.name, at_.skipped_in_a_row, times - 1),
                "lower learning_rate.peak; the last snapshot is from before, run again to go on");
  restore(*snapshot);
  at_.rollbacks = times;
  at_.skipped_in_a_row = 0;
  spdlog::warn("{} updates in a row were not finite: back to {} samples, the rate halved",
               config_.non_finite_limit, at_.samples);
  log_.add({{"samples", at_.samples}, {"rollbacks", at_.rollbacks}});
}

void Run::update() {
  rate_ = std::ldexp(learning_rate(config_.learning_rate, at_.samples + per_update_, total_),
                     -at_.rollbacks);
  const double loss = gradients();
  apply(loss);
  at_.samples += per_update_;
}

bool Run::due(std::int64_t every) const {
  return passes(at_.samples - per_update_, at_.samples, every) || finished();
}

/// After an update: the log's line, validation and snapshot when they are due.
void Run::record() {
  if (at_.skipped_in_a_row >= config_.non_finite_limit) return roll_back();
  const bool validated = due(config_.validate_every);
  if (validated) {
    const Panel panel = validate();
    if (!panel.pictures.empty()) report_->add(panel, at_.samples);
    judge();
  }
  if (validated || due(config_.log_every)) {
    Json line = {{"samples", at_.samples}, {"updates", at_.updates}};
    if (at_.mean_weight > 0) line["mean_loss"] = at_.mean_loss / at_.mean_weight;
    for (const auto& [name, value] : parts_) line[name] = value;
    line["gradient_norm"] = norm_;
    line["learning_rate"] = rate_;
    line["skipped"] = at_.skipped;
    if (damage_.count > 0) line["damaged"] = damage_.count;
    if (validated) {
      line["validation_loss"] = at_.validation_loss;
      if (validation_damage_.count > 0) line["validation_damaged"] = validation_damage_.count;
    }
    if (at_.stopped_early) line["stopped_early"] = true;
    log_.add(line);
    report_->add(line);
    if (validated) log_.draw(output_);
    report_->write(log_, validated);
  }
  if (profiles_ && due(config_.profile_every))
    profiles_->store(output_ / "averages", at_.samples, at_.updates);
  if (due(config_.save_every)) save();
}

/// Whether validation still gets better; ends the run when it has not for too long.
void Run::judge() {
  if (at_.validations++ == 0 || at_.validation_loss < at_.best_loss) {
    at_.best_loss = at_.validation_loss;
    at_.validations_without_gain = 0;
    return;
  }
  if (++at_.validations_without_gain == config_.patience && at_.samples < total_)
    at_.stopped_early = true;
}

/// Judges the averaged weights; returns the pictures, for the report.
Panel Run::validate() {
  const c10::NoGradGuard no_grad;
  const SwappedWeights averaged(parameters_.weights(), average_);
  if (task_.validation_loss) {
    auto [value, damage] = task_.validation_loss();
    at_.validation_loss = value;
    validation_damage_ = std::move(damage);
  }
  if (!task_.validation_panel) return {};
  Panel panel = task_.validation_panel();
  if (panel.pictures.empty()) return panel;
  SheetOptions options;
  options.columns = panel.columns;
  options.cell = std::max(128, panel.pictures.front().width);
  options.title = fmt::format("{} after {} samples", task_.name, at_.samples);
  save_image(output_ / "validation.png", contact_sheet(panel.pictures, panel.labels, options));
  return panel;
}

/// All that a snapshot keeps in full; shared with the run's own memory on a processor.
StateDict Run::tensors() {
  StateDict tensors = {{"weights", parameters_.weights()}, {"average", average_}};
  if (profiles_)
    for (std::size_t i = 0; i < PowerAverages::kWidths.size(); ++i)
      tensors[fmt::format("profile.{}", i)] = profiles_->averages()[i];
  return tensors;
}

void Run::save() {
  Snapshot snapshot;
  snapshot.samples = at_.samples;
  snapshot.state = {{"task", task_.name},
                    {"layout", parameters_.layout()},
                    {"optimiser", config_.optimiser.kind},
                    {"optimiser_numbers", optimiser_.numbers()},
                    {"counters", to_json(at_)},
                    {"damage", to_json(damage_)},
                    {"validation_damage", to_json(validation_damage_)}};
  for (const auto& [name, tensor] : tensors()) snapshot.tensors[name] = tensor.cpu();
  for (const auto& [name, tensor] : optimiser_.tensors())
    snapshot.tensors["optimiser." + name] = tensor.cpu();
  snapshot.log = log_.text();
  snapshots_.save(snapshot);
  log_.write(output_);
}

void Run::restore(const Snapshot& snapshot) {
  if (snapshot.state.at("task") != task_.name ||
      snapshot.state.at("layout") != parameters_.layout())
    throw Error(fmt::format("{}: holds snapshots of another task or of models of other sizes",
                            output_.string()),
                "give another output folder, or remove that one to start anew");
  if (snapshot.state.value("optimiser", "") != config_.optimiser.kind)
    throw Error(
        fmt::format("{}: holds snapshots of a training with another optimiser", output_.string()),
        "give another output folder, or remove that one to start anew");
  const c10::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors()) {
    const auto found = snapshot.tensors.find(name);
    if (found == snapshot.tensors.end())
      throw Error(fmt::format("{}: the snapshot has no \"{}\"", output_.string(), name),
                  "trainer.profile_every cannot be switched on in the middle of a run");
    Tensor(tensor).copy_(found->second);
  }
  StateDict moments;
  for (const auto& [name, tensor] : snapshot.tensors)
    if (name.starts_with("optimiser.")) moments[name.substr(10)] = tensor;
  optimiser_.restore(moments, snapshot.state.at("optimiser_numbers"));
  at_ = {};
  damage_ = validation_damage_ = {};
  from_json(snapshot.state.at("counters"), at_, "snapshot");
  const Json none = Json::object();  // snapshots from before samples could be damaged
  from_json(snapshot.state.value("damage", none), damage_, "snapshot");
  from_json(snapshot.state.value("validation_damage", none), validation_damage_, "snapshot");
  log_.restore(snapshot.log);
}

void Run::finish() {
  log_.write(output_);
  log_.draw(output_);
  report_->write(log_, true, true);
  if (!task_.write_result) return;
  const c10::NoGradGuard no_grad;
  Tensor result = average_;
  if (config_.result_profile > 0)
    result = reconstructed_average(output_ / "averages", at_.samples, config_.result_profile)
                 .to(average_.device());
  const SwappedWeights averaged(parameters_.weights(), result);
  task_.write_result(output_);
}

/// Does a few updates, a validation and a save, measures them and goes back to where it was.
TrainingForecast Run::forecast() {
  constexpr int kTimed = 3;
  const auto start = std::chrono::steady_clock::now();
  const auto seconds_since = [](std::chrono::steady_clock::time_point then) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
  };
  const auto seconds_of = [&](const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return seconds_since(begin);
  };
  TrainingForecast told;
  told.save_seconds = seconds_of([&] { save(); });
  std::vector<double> updates;
  update();  // the first lays memory out and starts the loader
  for (int i = 0; i < kTimed; ++i) updates.push_back(seconds_of([&] { update(); }));
  std::sort(updates.begin(), updates.end());
  told.update_seconds = updates[kTimed / 2];
  told.validation_seconds = seconds_of([&] { validate(); });
  restore(*snapshots_.load_latest());
  const auto left = total_ - at_.samples;
  const auto times = [&](std::int64_t every) {
    return static_cast<double>(total_ / every - at_.samples / every + (total_ % every != 0));
  };
  told.updates = left / per_update_;
  told.seconds = seconds_since(start) + static_cast<double>(told.updates) * told.update_seconds +
                 times(config_.validate_every) * told.validation_seconds +
                 times(config_.save_every) * told.save_seconds;
  told.peak_bytes = peak_memory_bytes();
  told.parameters = parameters_.count();
  const auto size = static_cast<std::uint64_t>(parameters_.size()) * sizeof(float);
  told.weight_bytes = 2 * size;
  told.optimiser_bytes =
      static_cast<std::uint64_t>(optimiser_.bytes()) + size * (profiles_ ? 3 : 1);
  return told;
}

TrainingSummary Run::summary() const {
  TrainingSummary summary;
  summary.samples = at_.samples;
  summary.updates = at_.updates;
  summary.skipped = at_.skipped;
  summary.parameters = parameters_.count();
  summary.validation_loss = at_.validation_loss;
  summary.damage = damage_;
  summary.validation_damage = validation_damage_;
  summary.rollbacks = at_.rollbacks;
  summary.stopped_early = at_.stopped_early;
  return summary;
}

}  // namespace

TrainingSummary run_training(Task& task, const TrainerConfig& config, const fs::path& output,
                             const Runtime& runtime, const ProgressSink& sink,
                             const ForecastSink& foretold) {
  check(config);
  const auto start = std::chrono::steady_clock::now();
  Run run(task, config, output);
  if (run.samples() > 0) spdlog::info("going on after {} samples", run.samples());
  if (foretold && !run.finished()) foretold(run.forecast());
  {
    Progress progress("training " + task.name, run.total(), sink, run.samples());
    while (!run.finished()) {
      if (runtime.cancel.requested()) {
        run.save();
        throw Cancelled();
      }
      const std::int64_t before = run.samples();
      run.update();
      run.record();
      progress.advance(run.samples() - before, run.note());
    }
  }
  run.finish();
  TrainingSummary summary = run.summary();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

}  // namespace sumi
