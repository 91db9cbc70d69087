#include "training/offload.h"

#include <gmock/gmock.h>

#include <new>

#include "core/error.h"
#include "core/process_memory.h"
#include "duel_task.h"
#include "file_size_limit.h"
#include "training/learner.h"
#include "wide_task.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kKinds[] = {"adamw", "adamw8bit", "adafactor", "prodigy"};

/// Every kind of state there is: Muon's momentum, averages, sums that wait.
TrainerConfig full_config(const std::string& kind) {
  TrainerConfig config = wide_config();
  config.optimiser.kind = kind;
  config.optimiser.matrices = "muon";
  config.profile_every = 64;
  config.result_profile = 0.12;
  if (kind == "prodigy") config.learning_rate.peak = 1;
  return config;
}

/// Trains until `stop` samples are seen, or to the end.
void train_toy(Task task, const TrainerConfig& config, const fs::path& output,
               std::int64_t stop = 1 << 30) {
  Runtime runtime;
  const ProgressSink sink = [&](const ProgressState& state) {
    if (state.done >= stop) runtime.cancel.request();
  };
  if (stop < config.samples)
    EXPECT_THROW(run_training(task, config, output, runtime, sink), Cancelled);
  else
    run_training(task, config, output, runtime, sink);
}

TEST(Offload, EveryOptimiserLeavesTheSameBytes) {
  for (const std::string kind : kKinds) {
    TrainerConfig config = full_config(kind);
    config.save_every = config.validate_every = 160;
    const TemporaryDirectory plain;
    train_toy(wide_task(), config, plain.path());
    for (const std::string offload : {"optimiser", "all"}) {
      const TemporaryDirectory folder;
      config.offload = offload;
      train_toy(wide_task(), config, folder.path());
      EXPECT_EQ(left_by(folder.path()), left_by(plain.path())) << kind << ' ' << offload;
    }
  }
}

/// A network of more than two pieces (see pieces_of), whose loss touches all of it.
Task broad_task() {
  const auto matrix = std::make_shared<Tensor>(
      0.01 * at::randn({1500, 1500}, generator_of(1), torch::TensorOptions()));
  const auto bias = std::make_shared<Tensor>(at::zeros({1500}));
  Task task;
  task.name = "broad";
  task.parameters = {{"matrix", matrix.get()}, {"bias", bias.get()}};
  task.loss = [=](const Draw& draw) {
    const Tensor x = at::randn({1500}, generator_of(static_cast<std::uint64_t>(draw.first)),
                               torch::TensorOptions());
    return Loss{(at::mv(*matrix, x) + *bias - x).square().mean(), {}};
  };
  task.validation_loss = [] { return ValidationLoss{1}; };
  task.write_result = [=](const fs::path& output) {
    save_state_dict(output / "model.safetensors", {{"matrix", matrix->detach().clone()}});
  };
  return task;
}

TEST(Offload, ManyPiecesLeaveTheSameBytesAndResume) {
  for (const std::string kind : kKinds) {
    TrainerConfig config = full_config(kind);
    config.optimiser.matrices = "adamw";  // five of Muon's steps are slow at this size
    config.samples = 8;
    config.batch_size = 1;
    config.accumulation = 4;
    config.save_every = config.validate_every = config.profile_every = 4;
    const TemporaryDirectory plain, pieces;
    train_toy(broad_task(), config, plain.path());
    config.offload = "optimiser";
    train_toy(broad_task(), config, pieces.path(), 4);
    train_toy(broad_task(), config, pieces.path());
    EXPECT_EQ(left_by(pieces.path()), left_by(plain.path())) << kind;
  }
}

TEST(Offload, CanBeChangedInTheMiddleOfARun) {
  TrainerConfig config = full_config("adamw");
  const TemporaryDirectory straight, changed;
  train_toy(wide_task(), config, straight.path());
  std::int64_t stop = 64;
  for (const char* offload : {"none", "all", "optimiser", "none"}) {
    config.offload = offload;
    train_toy(wide_task(), config, changed.path(), stop);
    stop += 64;
  }
  config.offload = "optimiser";
  train_toy(wide_task(), config, changed.path());
  EXPECT_EQ(left_by(changed.path()), left_by(straight.path()));
}

TEST(Offload, AnAdversarysStateLiesThereToo) {
  TrainerConfig config = wide_config();
  const TemporaryDirectory plain, folder;
  train_toy(duel_task(), config, plain.path());
  config.offload = "all";
  train_toy(duel_task(), config, folder.path());
  EXPECT_EQ(left_by(folder.path()), left_by(plain.path()));
}

TEST(Offload, TakesAnotherFolderAndLeavesNothingThere) {
  const TemporaryDirectory output, scratch;
  TrainerConfig config = wide_config();
  config.offload = "optimiser";
  config.offload_folder = scratch.path().string();
  Task task = wide_task();
  task.after_update = [&](std::int64_t) { EXPECT_TRUE(fs::is_empty(scratch.path())); };
  train_toy(task, config, output.path(), 32);
  EXPECT_TRUE(fs::is_empty(scratch.path()));

  config.offload_folder = (scratch.path() / "missing").string();
  try {
    train_toy(wide_task(), config, output.path());
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("missing"));
  }
}

TEST(Offload, AFullDiskIsToldBeforeAnythingIsComputed) {
  const TemporaryDirectory folder;
  TrainerConfig config = wide_config();
  config.offload = "optimiser";
  bool computed = false;
  Task task = wide_task();
  task.loss = [&, loss = task.loss](const Draw& draw) {
    computed = true;
    return loss(draw);
  };
  {
    const FileSizeLimit full(4096);
    try {
      train_toy(task, config, folder.path());
      FAIL() << "no Error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(folder.path().string()), HasSubstr("reserving")));
      EXPECT_THAT(error.hint(), HasSubstr("MB are free"));
    }
  }
  EXPECT_FALSE(computed);
  EXPECT_FALSE(fs::exists(folder.path() / "snapshots"));
  train_toy(task, config, folder.path());
  EXPECT_TRUE(computed);
}

TEST(Offload, ADiskThatFillsLaterLeavesTheOldSnapshots) {
  TrainerConfig config = wide_config();
  config.log_every = config.validate_every = config.samples;
  config.offload = "optimiser";
  const TemporaryDirectory straight, full;
  train_toy(wide_task(), config, straight.path());
  train_toy(wide_task(), config, full.path(), 128);
  {
    Task task = wide_task();
    std::optional<FileSizeLimit> limit;  // once the scratch memory is there
    task.write_start = [&](const fs::path&) { limit.emplace(100); };
    EXPECT_THROW(train_toy(task, config, full.path()), Error);
  }
  EXPECT_TRUE(SnapshotFolder(full.path() / "snapshots").load_latest());
  train_toy(wide_task(), config, full.path());
  EXPECT_EQ(result_bytes(full.path()), result_bytes(straight.path()));
}

TEST(Offload, IsRefusedWhereNothingCouldLieOnDisk) {
  const TemporaryDirectory folder;
  TrainerConfig config = toy_config();
  config.optimiser.kind = "adafactor";
  config.ema_decay = 0;
  config.offload = "optimiser";
  try {
    train_toy(toy_task(), config, folder.path());
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("trainer.offload"), HasSubstr("adafactor")));
    EXPECT_THAT(error.hint(), HasSubstr("\"all\""));
  }
  config.offload = "all";
  train_toy(toy_task(), config, folder.path());

  config.offload = "disk";
  try {
    check(config);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), HasSubstr("none, optimiser or all"));
  }
}

TEST(Offload, TheForecastTellsWhatLiesOnDisk) {
  TrainingForecast told[3];
  const char* ways[] = {"none", "optimiser", "all"};
  for (int i = 0; i < 3; ++i) {
    const TemporaryDirectory folder;
    TrainerConfig config = full_config("adamw");
    config.offload = ways[i];
    Task task = wide_task();
    const auto bytes = state_bytes(task.parameters, config);
    run_training(task, config, folder.path(), {}, {},
                 [&](const TrainingForecast& forecast) { told[i] = forecast; });
    EXPECT_GE(told[i].disk_bytes, bytes.on_disk(ways[i]));
    EXPECT_EQ(told[i].weight_bytes, bytes.weights + bytes.gradients);
    EXPECT_EQ(told[i].optimiser_bytes, bytes.moments + bytes.kept + bytes.averages);
  }
  EXPECT_EQ(told[0].disk_bytes, 0u);
  EXPECT_LT(told[1].disk_bytes, told[2].disk_bytes);
}

/// What is foretold of a learner is what it then takes, whatever its rule is.
TEST(StateBytes, AreWhatALearnerTakes) {
  for (const std::string kind : kKinds)
    for (const char* matrices : {"adamw", "muon"}) {
      TrainerConfig config = full_config(kind);
      config.optimiser.matrices = matrices;
      Task task = wide_task();
      const auto foretold = state_bytes(task.parameters, config);
      Processes alone;
      const Learner learner(task.parameters, {}, config, alone);
      EXPECT_EQ(foretold.moments + foretold.kept,
                static_cast<std::uint64_t>(learner.state.optimiser_bytes()))
          << kind << matrices;
      EXPECT_EQ(foretold.averages, static_cast<std::uint64_t>(learner.state.average_bytes()));
      EXPECT_EQ(foretold.weights, static_cast<std::uint64_t>(learner.parameters.size()) * 4);
      EXPECT_EQ(foretold.waiting, 2 * foretold.gradients);  // of eight batches
    }
}

TEST(StateBytes, ThatDoNotFitAreRefusedWithWhatWouldHelp) {
  StateBytes state;
  state.weights = state.gradients = 3'000'000'000;
  state.moments = 6'000'000'000;
  state.averages = 3'000'000'000;
  TrainerConfig config;
  EXPECT_NO_THROW(require_state_fits(state, config, 15'000'000'000));
  EXPECT_NO_THROW(require_state_fits(state, config, 0));
  try {
    require_state_fits(state, config, 8'000'000'000);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("15.0 GB"), HasSubstr("8.0 GB are available")));
    EXPECT_THAT(error.hint(), AllOf(HasSubstr(R"("offload": "optimiser"} keeps 9.0 GB)"),
                                    HasSubstr("adafactor")));
  }
  config.offload = "optimiser";
  EXPECT_NO_THROW(require_state_fits(state, config, 8'000'000'000));
  try {
    require_state_fits(state, config, 4'000'000'000);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("9.0 GB of all on disk"));
    EXPECT_THAT(error.hint(),
                AllOf(HasSubstr(R"("offload": "all")"), Not(HasSubstr(R"("optimiser"})"))));
  }
  config.offload = "all";
  EXPECT_NO_THROW(require_state_fits(state, config, 1'000'000));
}

TEST(StateMemory, LetsGoOfWhatAnUpdateIsDoneWith) {
  const TemporaryDirectory folder;
  constexpr std::int64_t kSize = 16 << 20;  // 64 MiB of floats
  Tensor weights = at::ones({kSize});
  const Tensor gradients = at::ones({kSize});
  AdamW optimiser(weights, {{0, kSize, true, 1}}, {},
                  StateMemory::on_disk(folder.path(), 2 * kSize * sizeof(float)));
  const auto before = resident_memory_bytes();
  for (int i = 0; i < 2; ++i) optimiser.step(weights, gradients, 0.1);
  EXPECT_LT(resident_memory_bytes(), before + (32u << 20));  // of 128 MiB of moments
}

TEST(StateMemory, GivesTensorsOfTheirOwn) {
  const TemporaryDirectory folder;
  const auto memory = StateMemory::on_disk(folder.path(), 8192);
  const Tensor first = memory.zeros(1000, torch::dtype(torch::kFloat));
  const Tensor second = memory.copy_of(at::full({1100}, 3.0f));
  const Tensor third = memory.zeros(5000, torch::dtype(torch::kByte));  // more than was reserved
  EXPECT_GT(memory.disk_bytes(), 8192u);
  EXPECT_TRUE(first.equal(at::zeros({1000})));
  EXPECT_TRUE(second.equal(at::full({1100}, 3.0f)));
  first.fill_(7);
  Tensor(third).fill_(1);
  EXPECT_TRUE(second.equal(at::full({1100}, 3.0f)));
  EXPECT_NO_THROW(memory.require_intact());
  EXPECT_EQ(StateMemory().disk_bytes(), 0u);
}

TEST(Memory, ThatIsNotEnoughIsToldInATrainingsWords) {
  const TemporaryDirectory folder;
  Task task = toy_task();
  task.loss = [](const Draw&) -> Loss { throw std::bad_alloc(); };
  try {
    run_training(task, toy_config(), folder.path(), {});
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the memory is not enough"));
    EXPECT_THAT(error.hint(), AllOf(HasSubstr("batch_size below 4"), HasSubstr("accumulation"),
                                    HasSubstr("checkpoint_blocks"), HasSubstr("offload")));
  }
}

}  // namespace
}  // namespace sumi
