#include "training/trainer.h"

#include <c10/core/GradMode.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <new>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/tensor_memory.h"
#include "media/contact_sheet.h"
#include "training/batch_memory.h"
#include "training/counters.h"
#include "training/gradient_sum.h"
#include "training/learner.h"
#include "training/offload.h"
#include "training/power_average.h"
#include "training/run_log.h"
#include "training/run_report.h"
#include "training/snapshots.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kOtherSeed = 0x9fb21c651e98df25;  // odd: another seed for each rollback
const std::string kKept = "kept.";            // before a task's own tensors in snapshots
const std::string kAdversary = "adversary.";  // before those of its adversary
constexpr double kLossMemory = 0.98;          // per update, of the running mean that is shown

bool passes(std::int64_t before, std::int64_t now, std::int64_t every) {
  return every > 0 && before / every != now / every;
}

/// The adversary's own rule and rate; its weights are never averaged.
TrainerConfig config_of(const Adversary& adversary, const TrainerConfig& config) {
  TrainerConfig own = config;
  own.optimiser = adversary.optimiser;
  own.learning_rate = adversary.learning_rate;
  own.ema_decay = 0;
  own.profile_every = 0;
  return own;
}

/// Null where the task has none.
std::unique_ptr<Learner> adversary_of(const Task& task, const TrainerConfig& config,
                                      Processes& processes, const Offload& offload) {
  if (!task.adversary) return nullptr;
  return std::make_unique<Learner>(task.adversary->parameters, std::vector<RateFactor>{},
                                   config_of(*task.adversary, config), processes, offload);
}

/// What the whole state takes in this process.
StateBytes whole_state(const Task& task, const TrainerConfig& config, const Processes& processes) {
  StateBytes bytes = state_bytes(task.parameters, config, processes.count());
  if (task.adversary)
    bytes += state_bytes(task.adversary->parameters, config_of(*task.adversary, config),
                         processes.count());
  return bytes;
}

bool on_processor(const Task& task) {
  return task.parameters.empty() || task.parameters.front().second->is_cpu();
}

/// This process's part of what the machine has left.
std::uint64_t own_available_bytes(const Processes& processes) {
  return available_memory_bytes() /
         static_cast<std::uint64_t>(std::max(1, processes.place().local_count));
}

/// The disk's space for what lies there, taken before anything is computed.
Offload reserved(const Task& task, const TrainerConfig& config, const fs::path& output,
                 Processes& processes) {
  Offload offload;
  processes.together([&] {
    const StateBytes bytes = whole_state(task, config, processes);
    const auto available = own_available_bytes(processes);
    if (on_processor(task) && available > 0)  // the tensors as they are now will give way
      require_state_fits(bytes, config, available + bytes.weights);
    offload = offload_of(bytes, config, output);
  });
  return offload;
}

/// LibTorch's allocators throw their own exceptions, a GPU's too.
bool is_out_of_memory(std::string_view text) {
  return text.find("not enough memory") != std::string_view::npos ||
         text.find("out of memory") != std::string_view::npos;
}

Error too_little_memory(const Task& task, const TrainerConfig& config) {
  return Error(fmt::format("{}: the memory is not enough for this training", task.name),
               fmt::format("use a trainer.batch_size below {} with a larger trainer.accumulation "
                           "for the same updates; {}; a run goes on from its last snapshot",
                           config.batch_size, less_memory(config.offload != "none")));
}

/// One run: the state and the steps that change it. In several processes all take every step
/// together; the first one judges and writes.
class Run {
 public:
  Run(Task& task, const TrainerConfig& config, const fs::path& output, Processes& processes,
      const Offload& offload);

  std::int64_t samples() const { return at_.samples; }
  std::int64_t total() const { return total_; }
  std::int64_t per_update() const { return per_update_; }
  bool finished() const { return at_.samples >= total_ || at_.stopped_early; }
  std::string note() const;

  void update();
  void record();
  void save();
  void finish();
  void require_memory();
  TrainingForecast forecast();
  TrainingSummary summary() const;

 private:
  void roll_back();
  bool due(std::int64_t every) const;
  void judge();
  void note(const Damage& damage);
  void apply(double loss);
  double rate_of(const Learner& learner) const;
  void move(Learner& learner, double norm);
  Panel validate();
  Panel judge_average(Tensor average);
  void log(const Panel& panel, bool validated);
  void check_fits(const Snapshot& snapshot) const;
  bool restore_latest();
  void restore_kept(const StateDict& tensors);
  void restore_adversary(const StateDict& tensors, const Json& numbers);
  std::vector<Learner*> learners();
  Json state();

  Task& task_;
  const TrainerConfig& config_;
  fs::path output_;
  Processes& processes_;
  Offload offload_;
  std::optional<SnapshotFolder> snapshots_;  ///< of the first process, as all that is written
  Learner model_;
  std::unique_ptr<Learner> adversary_;  ///< null where the task has none
  GradientSum gradients_;
  std::optional<RunReport> report_;
  std::int64_t per_update_, total_;
  Counters at_;
  Damage damage_, validation_damage_;
  RunLog log_;
  NamedNumbers parts_, validation_parts_;
  double norm_ = 0, rate_ = 0;
};

Run::Run(Task& task, const TrainerConfig& config, const fs::path& output, Processes& processes,
         const Offload& offload)
    : task_(task),
      config_(config),
      output_(output),
      processes_(processes),
      offload_(offload),
      model_(task.parameters, task.rates, config, processes, offload),
      adversary_(adversary_of(task, config, processes, offload)),
      gradients_(task, config, learners(), processes, offload.state),
      per_update_(std::int64_t{config.batch_size} * config.accumulation),
      total_(config.samples / per_update_ * per_update_) {
  processes_.at_first([&] { snapshots_.emplace(output / "snapshots"); });
  restore_latest();
  if (task.write_start) processes_.at_first([&] { task.write_start(output); });
  processes_.at_first([&] { report_.emplace(output, task.name, total_, log_); });
}

/// Whom the loss has gradients for.
std::vector<Learner*> Run::learners() {
  std::vector<Learner*> all = {&model_};
  if (adversary_) all.push_back(adversary_.get());
  return all;
}

std::string Run::note() const {
  return at_.mean_weight > 0 ? fmt::format("loss {:.4f}", at_.mean_loss / at_.mean_weight) : "";
}

void Run::note(const Damage& damage) {
  const auto told = damage_.names.size();
  damage_.add(damage);
  for (auto i = told; i < damage_.names.size(); ++i)
    if (processes_.first()) spdlog::warn("damaged, left out: {}", damage_.names[i]);
}

/// The rate of the update that follows at_.samples.
double Run::rate_of(const Learner& learner) const {
  return std::ldexp(learning_rate(learner.config.learning_rate, at_.samples + per_update_, total_),
                    -at_.rollbacks);
}

/// One step along gradients of that length.
void Run::move(Learner& learner, double norm) {
  const double clip = learner.config.optimiser.clip_norm;
  learner.state.step(rate_of(learner), clip > 0 && norm > clip ? clip / norm : 1, at_.updates);
}

void Run::apply(double loss) {
  norm_ = model_.state.gradient_norm();
  const double adversary_norm = adversary_ ? adversary_->state.gradient_norm() : 0;
  if (!std::isfinite(norm_) || !std::isfinite(adversary_norm) || !std::isfinite(loss)) {
    ++at_.skipped;
    ++at_.skipped_in_a_row;
    return;
  }
  at_.skipped_in_a_row = 0;
  ++at_.updates;
  move(model_, norm_);
  if (adversary_norm > 0) move(*adversary_, adversary_norm);
  if (task_.after_update) task_.after_update(at_.updates);
  at_.mean_loss = kLossMemory * at_.mean_loss + (1 - kLossMemory) * loss;
  at_.mean_weight = kLossMemory * at_.mean_weight + (1 - kLossMemory);
}

/// Back to the last snapshot, on with half the rate and other noise. A run that is killed before
/// the next snapshot comes to the same point and does the same again.
void Run::roll_back() {
  const int times = at_.rollbacks + 1, skipped = at_.skipped_in_a_row;
  if (times > config_.rollback_limit || !restore_latest())
    processes_.at_first([&] {
      throw Error(fmt::format("{}: {} updates in a row had a loss or gradient that is not finite, "
                              "after {} times back to a snapshot",
                              task_.name, skipped, times - 1),
                  "lower learning_rate.peak; the last snapshot is from before, run again to go on");
    });
  at_.rollbacks = times;
  at_.skipped_in_a_row = 0;
  if (!processes_.first()) return;
  spdlog::warn("{} updates in a row were not finite: back to {} samples, the rate halved",
               config_.non_finite_limit, at_.samples);
  log_.add({{"samples", at_.samples}, {"rollbacks", at_.rollbacks}});
}

void Run::update() {
  rate_ = rate_of(model_);
  const auto seed = config_.seed + static_cast<std::uint64_t>(at_.rollbacks) * kOtherSeed;
  UpdateLoss loss = gradients_.add_up(at_.samples, damage_.count, seed);
  note(loss.damage);
  parts_ = std::move(loss.parts);
  apply(loss.mean);
  at_.samples += per_update_;
}

bool Run::due(std::int64_t every) const {
  return passes(at_.samples - per_update_, at_.samples, every) || finished();
}

/// After an update: the log's line, validation and snapshot when they are due.
void Run::record() {
  if (at_.skipped_in_a_row >= config_.non_finite_limit) return roll_back();
  const bool validated = due(config_.validate_every);
  Panel panel;
  if (validated) {
    panel = validate();
    judge();
  }
  if (validated || due(config_.log_every)) processes_.at_first([&] { log(panel, validated); });
  if (due(config_.profile_every))
    model_.state.store_profiles(output_ / "averages", at_.samples, at_.updates);
  if (due(config_.save_every)) save();
}

void Run::log(const Panel& panel, bool validated) {
  if (!panel.pictures.empty()) report_->add(panel, at_.samples);
  Json line = {{"samples", at_.samples}, {"updates", at_.updates}};
  if (at_.mean_weight > 0) line["mean_loss"] = at_.mean_loss / at_.mean_weight;
  for (const auto& [name, value] : parts_) line[name] = value;
  line["gradient_norm"] = norm_;
  line["learning_rate"] = rate_;
  line["skipped"] = at_.skipped;
  if (damage_.count > 0) line["damaged"] = damage_.count;
  if (validated) {
    line["validation_loss"] = at_.validation_loss;
    for (const auto& [name, value] : validation_parts_) line["validation_" + name] = value;
    if (validation_damage_.count > 0) line["validation_damaged"] = validation_damage_.count;
  }
  if (at_.stopped_early) line["stopped_early"] = true;
  log_.add(line);
  report_->add(line);
  if (validated) log_.draw(output_);
  report_->write(log_, validated);
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
  const Tensor average = model_.state.whole_average();
  return_freed_memory();  // what updates took is not what judging takes
  Panel panel;
  processes_.at_first([&] { panel = judge_average(average); });
  return_freed_memory();
  at_.validation_loss = processes_.sums({processes_.first() ? at_.validation_loss : 0})[0];
  const auto damage = processes_.text_of(0, to_json(validation_damage_).dump());
  if (!processes_.first()) from_json(parse_json(damage, "damage"), validation_damage_, "damage");
  return panel;
}

Panel Run::judge_average(Tensor average) {
  const c10::NoGradGuard no_grad;
  const SwappedWeights averaged(model_.parameters.weights(), std::move(average));
  if (task_.validation_loss) {
    auto found = task_.validation_loss();
    at_.validation_loss = found.value;
    validation_damage_ = std::move(found.damage);
    validation_parts_ = std::move(found.parts);
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

/// What has to be the same for a snapshot to be gone on from.
Json described(const Learner& learner) {
  return {{"layout", learner.parameters.layout()}, {"optimiser", learner.config.optimiser.kind}};
}

/// What a snapshot keeps beside tensors.
Json Run::state() {
  Json state = {{"task", task_.name},
                {"layout", model_.parameters.layout()},
                {"optimiser", config_.optimiser.kind},
                {"optimiser_numbers", model_.state.numbers()},
                {"counters", to_json(at_)},
                {"damage", to_json(damage_)},
                {"validation_damage", to_json(validation_damage_)}};
  if (adversary_) {
    state["adversary"] = described(*adversary_);
    state["adversary_numbers"] = adversary_->state.numbers();
  }
  return state;
}

void Run::save() {
  processes_.together([&] { offload_.state.require_intact(); });
  Snapshot snapshot{at_.samples, state(), model_.state.gathered(), log_.text()};
  if (adversary_)
    for (const auto& [name, tensor] : adversary_->state.gathered())
      snapshot.tensors[kAdversary + name] = tensor;
  processes_.at_first([&] {
    for (const auto& [name, tensor] : task_.kept) snapshot.tensors[kKept + name] = tensor->cpu();
    snapshots_->save(snapshot);
    log_.write(output_);
  });
}

void Run::check_fits(const Snapshot& snapshot) const {
  if (snapshot.state.at("task") != task_.name ||
      snapshot.state.at("layout") != model_.parameters.layout())
    throw Error(fmt::format("{}: holds snapshots of another task or of models of other sizes",
                            output_.string()),
                "give another output folder, or remove that one to start anew");
  if (snapshot.state.value("optimiser", "") != config_.optimiser.kind)
    throw Error(
        fmt::format("{}: holds snapshots of a training with another optimiser", output_.string()),
        "give another output folder, or remove that one to start anew");
  const Json adversary = adversary_ ? described(*adversary_) : Json();
  if (snapshot.state.value("adversary", Json()) != adversary)
    throw Error(
        fmt::format(
            "{}: holds snapshots of a training with another adversary, or without one where "
            "there is one now",
            output_.string()),
        "give another output folder, or remove that one to start anew");
}

/// Goes back to the newest snapshot, which only the first process needs to see; false when there is
/// none.
bool Run::restore_latest() {
  Snapshot snapshot;
  std::string text;
  processes_.at_first([&] {
    auto found = snapshots_->load_latest();
    if (!found) return;
    snapshot = std::move(*found);
    check_fits(snapshot);
    text = snapshot.state.dump();
  });
  text = processes_.text_of(0, std::move(text));
  if (text.empty()) return false;
  const Json kept = parse_json(text, "snapshot");
  model_.state.restore(snapshot.tensors, kept.at("optimiser_numbers"), output_);
  if (adversary_) restore_adversary(snapshot.tensors, kept.at("adversary_numbers"));
  restore_kept(snapshot.tensors);
  at_ = {};
  damage_ = validation_damage_ = {};
  from_json(kept.at("counters"), at_, "snapshot");
  const Json none = Json::object();  // snapshots from before samples could be damaged
  from_json(kept.value("damage", none), damage_, "snapshot");
  from_json(kept.value("validation_damage", none), validation_damage_, "snapshot");
  log_.restore(snapshot.log);
  return true;
}

void Run::restore_adversary(const StateDict& tensors, const Json& numbers) {
  StateDict own;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(kAdversary)) own[name.substr(kAdversary.size())] = tensor;
  adversary_->state.restore(own, numbers, output_);
}

/// What the task keeps, from the first process to all.
void Run::restore_kept(const StateDict& tensors) {
  const c10::NoGradGuard no_grad;
  for (const auto& [name, tensor] : task_.kept) {
    const auto found = tensors.find(kKept + name);
    processes_.at_first([&, named = name] {
      if (found == tensors.end())
        throw Error(fmt::format("{}: the snapshot has no \"{}\"", output_.string(), named),
                    "give another output folder, or remove that one to start anew");
    });
    tensor->copy_(processes_.from_first(processes_.first() ? found->second : Tensor()));
  }
}

void Run::finish() {
  Tensor result = model_.state.whole_average();
  processes_.at_first([&] {
    log_.write(output_);
    log_.draw(output_);
    report_->write(log_, true, true);
    if (!task_.write_result) return;
    const c10::NoGradGuard no_grad;
    if (config_.result_profile > 0)
      result = reconstructed_average(output_ / "averages", at_.samples, config_.result_profile)
                   .to(result.device());
    const SwappedWeights averaged(model_.parameters.weights(), result);
    task_.write_result(output_);
  });
}

/// Throws Error when a batch cannot fit into the machine's memory; a GPU tells that itself.
void Run::require_memory() {
  if (!model_.parameters.weights().is_cpu()) return;
  processes_.together([&] {
    const auto available = own_available_bytes(processes_);
    const auto memory = measure_batches(config_.batch_size, available, [&](int count) {
      reset_tensor_peak();
      const auto before = tensor_memory().live;
      gradients_.try_batch(count, total_, damage_.count);  // where every term takes part
      return tensor_memory().peak - before;
    });
    require_fit(memory, config_.batch_size, available, config_.offload != "none");
  });
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
  restore_latest();
  const auto left = total_ - at_.samples;
  const auto times = [&](std::int64_t every) {
    return static_cast<double>(total_ / every - at_.samples / every + (total_ % every != 0));
  };
  told.updates = left / per_update_;
  told.seconds = seconds_since(start) + static_cast<double>(told.updates) * told.update_seconds +
                 times(config_.validate_every) * told.validation_seconds +
                 times(config_.save_every) * told.save_seconds;
  told.peak_bytes = peak_memory_bytes();
  told.parameters = model_.parameters.count();
  told.disk_bytes = offload_.state.disk_bytes();
  const auto count_in = [&](const Learner& learner) {
    const auto size = static_cast<std::uint64_t>(learner.parameters.size()) * sizeof(float);
    told.weight_bytes += 2 * size;
    told.optimiser_bytes +=
        static_cast<std::uint64_t>(learner.state.optimiser_bytes() + learner.state.average_bytes());
  };
  count_in(model_);
  if (adversary_) count_in(*adversary_);
  return told;
}

TrainingSummary Run::summary() const {
  TrainingSummary summary;
  summary.samples = at_.samples;
  summary.updates = at_.updates;
  summary.skipped = at_.skipped;
  summary.parameters = model_.parameters.count();
  summary.validation_loss = at_.validation_loss;
  summary.damage = damage_;
  summary.validation_damage = validation_damage_;
  summary.rollbacks = at_.rollbacks;
  summary.stopped_early = at_.stopped_early;
  return summary;
}

/// run_training() but for what it makes of too little memory.
TrainingSummary run_in_memory(Task& task, const TrainerConfig& config, const fs::path& output,
                              const Runtime& runtime, const ProgressSink& sink,
                              const ForecastSink& foretold,
                              const std::shared_ptr<Processes>& together) {
  const auto processes = together ? together : std::make_shared<Processes>();
  check(config);
  processes->at_first([&] { check_shared(config, processes->count()); });
  const auto start = std::chrono::steady_clock::now();
  Run run(task, config, output, *processes, reserved(task, config, output, *processes));
  if (run.samples() > 0 && processes->first())
    spdlog::info("going on after {} samples", run.samples());
  if (foretold && !run.finished()) {
    run.require_memory();
    foretold(run.forecast());
  }
  {
    Progress progress("training " + task.name, run.total(), sink, run.samples());
    while (!run.finished()) {
      if (processes->any(runtime.cancel.requested())) {
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

}  // namespace

TrainingSummary run_training(Task& task, const TrainerConfig& config, const fs::path& output,
                             const Runtime& runtime, const ProgressSink& progress,
                             const ForecastSink& foretold,
                             const std::shared_ptr<Processes>& together) {
  try {
    return run_in_memory(task, config, output, runtime, progress, foretold, together);
  } catch (const std::bad_alloc&) {
    throw too_little_memory(task, config);
  } catch (const c10::Error& error) {
    if (!is_out_of_memory(error.what_without_backtrace())) throw;
    throw too_little_memory(task, config);
  }
}

}  // namespace sumi
