#include "training/trainer.h"

#include <c10/core/GradMode.h>

#include <chrono>
#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "media/contact_sheet.h"
#include "training/randomness.h"
#include "training/run_log.h"
#include "training/snapshots.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

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

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("samples", self.samples, "");
    visit("updates", self.updates, "");
    visit("skipped", self.skipped, "");
    visit("skipped_in_a_row", self.skipped_in_a_row, "");
    visit("mean_loss", self.mean_loss, "");
    visit("mean_weight", self.mean_weight, "");
    visit("validation_loss", self.validation_loss, "");
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
        parameters_(task.parameters),
        optimiser_(parameters_.weights(), parameters_.decayed(), config.optimiser),
        muon_(parameters_.weights(),
              config.optimiser.matrices == "muon" ? parameters_.matrices()
                                                  : std::vector<MatrixSlice>{},
              config.optimiser.momentum),
        average_(parameters_.weights().clone()),
        per_update_(std::int64_t{config.batch_size} * config.accumulation),
        total_(config.samples / per_update_ * per_update_) {
    if (const auto snapshot = snapshots_.load_latest()) restore(*snapshot);
  }

  std::int64_t samples() const { return at_.samples; }
  std::int64_t total() const { return total_; }
  std::int64_t per_update() const { return per_update_; }
  bool finished() const { return at_.samples >= total_; }
  std::string note() const;

  void update();
  void record();
  void save();
  void finish();
  TrainingSummary summary() const;

 private:
  double gradients();
  void note(const Damage& damage);
  void apply(double loss);
  void validate();
  void restore(const Snapshot& snapshot);

  Task& task_;
  const TrainerConfig& config_;
  fs::path output_;
  SnapshotFolder snapshots_;
  ParameterBuffer parameters_;
  AdamW optimiser_;
  Muon muon_;
  Tensor average_;
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
    Loss loss =
        task_.loss({first, config_.batch_size,
                    mix_seed(config_.seed, static_cast<std::uint64_t>(first)), damage_.count});
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
    if (++at_.skipped_in_a_row >= config_.non_finite_limit)
      throw Error(fmt::format("{}: {} updates in a row had a loss or gradient that is not finite",
                              task_.name, at_.skipped_in_a_row),
                  "lower learning_rate.peak; the last snapshot is from before, run again to go on");
    return;
  }
  at_.skipped_in_a_row = 0;
  ++at_.updates;
  const double clip = config_.optimiser.clip_norm;
  const double scale = clip > 0 && norm_ > clip ? clip / norm_ : 1;
  muon_.step(parameters_.weights(), parameters_.gradients(), rate_, scale);
  optimiser_.step(parameters_.weights(), parameters_.gradients(), rate_, scale);
  update_average(average_, parameters_.weights(), ema_decay_at(config_.ema_decay, at_.updates));
  at_.mean_loss = kLossMemory * at_.mean_loss + (1 - kLossMemory) * loss;
  at_.mean_weight = kLossMemory * at_.mean_weight + (1 - kLossMemory);
}

void Run::update() {
  rate_ = learning_rate(config_.learning_rate, at_.samples + per_update_, total_);
  const double loss = gradients();
  apply(loss);
  at_.samples += per_update_;
}

/// After an update: the log's line, validation and snapshot when they are due.
void Run::record() {
  const std::int64_t before = at_.samples - per_update_;
  const auto due = [&](std::int64_t every) {
    return passes(before, at_.samples, every) || finished();
  };
  if (due(config_.validate_every)) validate();
  if (due(config_.log_every) || due(config_.validate_every)) {
    Json line = {{"samples", at_.samples}, {"updates", at_.updates}};
    if (at_.mean_weight > 0) line["mean_loss"] = at_.mean_loss / at_.mean_weight;
    for (const auto& [name, value] : parts_) line[name] = value;
    line["gradient_norm"] = norm_;
    line["learning_rate"] = rate_;
    line["skipped"] = at_.skipped;
    if (damage_.count > 0) line["damaged"] = damage_.count;
    if (due(config_.validate_every)) {
      line["validation_loss"] = at_.validation_loss;
      if (validation_damage_.count > 0) line["validation_damaged"] = validation_damage_.count;
    }
    log_.add(line);
    if (due(config_.validate_every)) log_.draw(output_);
  }
  if (due(config_.save_every)) save();
}

void Run::validate() {
  const c10::NoGradGuard no_grad;
  const SwappedWeights averaged(parameters_.weights(), average_);
  if (task_.validation_loss) {
    auto [value, damage] = task_.validation_loss();
    at_.validation_loss = value;
    validation_damage_ = std::move(damage);
  }
  if (!task_.validation_panel) return;
  const Panel panel = task_.validation_panel();
  if (panel.pictures.empty()) return;
  SheetOptions options;
  options.columns = panel.columns;
  options.cell = std::max(128, panel.pictures.front().width);
  options.title = fmt::format("{} after {} samples", task_.name, at_.samples);
  save_image(output_ / "validation.png", contact_sheet(panel.pictures, panel.labels, options));
}

void Run::save() {
  Snapshot snapshot;
  snapshot.samples = at_.samples;
  snapshot.state = {{"task", task_.name},
                    {"layout", parameters_.layout()},
                    {"optimiser_steps", optimiser_.steps()},
                    {"counters", to_json(at_)},
                    {"damage", to_json(damage_)},
                    {"validation_damage", to_json(validation_damage_)}};
  snapshot.tensors = {{"weights", parameters_.weights().cpu()},
                      {"average", average_.cpu()},
                      {"mean", optimiser_.mean().cpu()},
                      {"square", optimiser_.square().cpu()},
                      {"momentum", muon_.momentum().cpu()}};
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
  const c10::NoGradGuard no_grad;
  parameters_.weights().copy_(snapshot.tensors.at("weights"));
  average_.copy_(snapshot.tensors.at("average"));
  optimiser_.mean().copy_(snapshot.tensors.at("mean"));
  optimiser_.square().copy_(snapshot.tensors.at("square"));
  muon_.momentum().copy_(snapshot.tensors.at("momentum"));
  optimiser_.set_steps(snapshot.state.at("optimiser_steps").get<std::int64_t>());
  from_json(snapshot.state.at("counters"), at_, "snapshot");
  const Json none = Json::object();  // snapshots from before samples could be damaged
  from_json(snapshot.state.value("damage", none), damage_, "snapshot");
  from_json(snapshot.state.value("validation_damage", none), validation_damage_, "snapshot");
  log_.restore(snapshot.log);
}

void Run::finish() {
  log_.write(output_);
  log_.draw(output_);
  if (!task_.write_result) return;
  const c10::NoGradGuard no_grad;
  const SwappedWeights averaged(parameters_.weights(), average_);
  task_.write_result(output_);
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
  return summary;
}

}  // namespace

void check(const TrainerConfig& config) {
  const auto at_least = [](const char* field, std::int64_t value, std::int64_t least) {
    if (value < least)
      throw Error(fmt::format("trainer.{}: {} is less than {}", field, value, least),
                  fmt::format("use {} or more", least));
  };
  at_least("batch_size", config.batch_size, 1);
  at_least("accumulation", config.accumulation, 1);
  at_least("samples", config.samples, std::int64_t{config.batch_size} * config.accumulation);
  at_least("log_every", config.log_every, 1);
  at_least("validate_every", config.validate_every, 1);
  at_least("save_every", config.save_every, 1);
  at_least("non_finite_limit", config.non_finite_limit, 1);
  if (!(config.ema_decay >= 0 && config.ema_decay < 1))
    throw Error(fmt::format("trainer.ema_decay: {} is not in 0 to 1", config.ema_decay),
                "0.999 averages the last thousand updates");
  if (!(config.max_damaged >= 0 && config.max_damaged <= 1))
    throw Error(fmt::format("trainer.max_damaged: {} is not in 0 to 1", config.max_damaged),
                "0.2 stops when more than a fifth of the samples is damaged");
  check(config.learning_rate);
  check(config.optimiser);
}

TrainingSummary run_training(Task& task, const TrainerConfig& config, const fs::path& output,
                             const Runtime& runtime, const ProgressSink& sink) {
  check(config);
  const auto start = std::chrono::steady_clock::now();
  Run run(task, config, output);
  if (run.samples() > 0) spdlog::info("going on after {} samples", run.samples());
  {
    Progress progress("training " + task.name, run.total(), sink, run.samples());
    while (!run.finished()) {
      if (runtime.cancel.requested()) {
        run.save();
        throw Cancelled();
      }
      run.update();
      run.record();
      progress.advance(run.per_update(), run.note());
    }
  }
  run.finish();
  TrainingSummary summary = run.summary();
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

}  // namespace sumi
