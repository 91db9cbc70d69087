#include "training/trainer.h"

#include <gmock/gmock.h>

#include <fstream>
#include <limits>

#include "core/error.h"
#include "file_size_limit.h"
#include "toy_task.h"
#include "training/learning_rate.h"
#include "training/snapshots.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TrainingSummary run(const fs::path& output, const TrainerConfig& config = toy_config(),
                    const Runtime& runtime = {}, const ProgressSink& sink = {}) {
  Task task = toy_task();
  return run_training(task, config, output, runtime, sink);
}

/// Runs until `samples` are seen, then asks to stop.
void run_until(const fs::path& output, std::int64_t samples) {
  Runtime runtime;
  const ProgressSink sink = [&](const ProgressState& state) {
    if (state.done >= samples) runtime.cancel.request();
  };
  EXPECT_THROW(run(output, toy_config(), runtime, sink), Cancelled);
}

std::vector<std::string> snapshot_names(const fs::path& output) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(output / "snapshots"))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Trainer, LearnsTheToy) {
  const TemporaryDirectory folder;
  const auto summary = run(folder.path());
  EXPECT_EQ(summary.samples, 1600);
  EXPECT_EQ(summary.updates, 200);
  EXPECT_EQ(summary.parameters, 18);
  EXPECT_LT(summary.validation_loss, 0.02);
  EXPECT_TRUE(fs::exists(folder.path() / "loss.png") && fs::exists(folder.path() / "loss.svg"));
  EXPECT_EQ(snapshot_names(folder.path()),
            (std::vector<std::string>{"000000001520", "000000001600"}));
}

TEST(Trainer, AccumulatedBatchesEqualOneLargeBatch) {
  const TemporaryDirectory folder;
  Tensor weight = at::zeros({1});
  std::vector<Draw> draws;
  Task task;
  task.name = "draws";
  task.parameters = {{"weight", &weight}};
  task.loss = [&](const Draw& draw) {
    draws.push_back(draw);
    return Loss{(weight * static_cast<double>(draw.first)).sum(), {}};
  };
  TrainerConfig config = toy_config();
  config.samples = 17;
  run_training(task, config, folder.path(), {});
  ASSERT_EQ(draws.size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(draws[i].first, 4 * i);
  EXPECT_NEAR(weight.grad().item<double>(), (8 + 12) / 2.0, 1e-6);
}

TEST(Trainer, StoppedAndResumedEndsWithTheSameBytes) {
  const TemporaryDirectory straight, pieces;
  run(straight.path());
  for (const std::int64_t stop : {8, 16, 400, 792, 1592}) run_until(pieces.path(), stop);
  run(pieces.path());
  EXPECT_EQ(result_bytes(straight.path()), result_bytes(pieces.path()));
  const auto last = fs::path("snapshots") / "000000001600" / "tensors.safetensors";
  EXPECT_EQ(file_checksum(straight.path() / last), file_checksum(pieces.path() / last));
}

TEST(Trainer, FallsBackToTheSnapshotBeforeADamagedOne) {
  const TemporaryDirectory straight, damaged;
  run(straight.path());
  run_until(damaged.path(), 400);
  const auto names = snapshot_names(damaged.path());
  ASSERT_EQ(names.size(), 2u);
  {
    const auto file = damaged.path() / "snapshots" / names[1] / "tensors.safetensors";
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(-3, std::ios::end);
    bytes.put('\x55');
  }
  EXPECT_EQ(SnapshotFolder(damaged.path() / "snapshots").load_latest()->samples,
            std::stoll(names[0]));
  run(damaged.path());
  EXPECT_EQ(result_bytes(straight.path()), result_bytes(damaged.path()));
}

TEST(Trainer, SaysSoWhenEverySnapshotIsDamaged) {
  const TemporaryDirectory folder;
  run_until(folder.path(), 400);
  for (const auto& name : snapshot_names(folder.path()))
    fs::remove(folder.path() / "snapshots" / name / "manifest.json");
  EXPECT_THROW(run(folder.path()), Error);
}

TEST(Trainer, RefusesSnapshotsOfAnotherTaskBeforeItWrites) {
  const TemporaryDirectory folder;
  run_until(folder.path(), 80);
  Task other = toy_task();
  other.name = "other";
  bool wrote = false;
  other.write_start = [&](const fs::path&) { wrote = true; };
  EXPECT_THROW(run_training(other, toy_config(), folder.path(), {}), Error);
  EXPECT_FALSE(wrote);
}

TEST(Trainer, SkipsNonFiniteGradientsAndGivesUpAfterManyInARow) {
  const TemporaryDirectory folder, hopeless;
  Task task = toy_task();
  const auto loss = task.loss;
  int call = 0;
  task.loss = [&, loss](const Draw& draw) {
    Loss result = loss(draw);
    if (++call % 40 == 1) result.total = result.total * std::numeric_limits<double>::infinity();
    return result;
  };
  const auto summary = run_training(task, toy_config(), folder.path(), {});
  EXPECT_EQ(summary.skipped, 10);
  EXPECT_EQ(summary.updates, 190);
  EXPECT_LT(summary.validation_loss, 0.02);

  Task broken = toy_task();
  const auto good = broken.loss;
  broken.loss = [good](const Draw& draw) {
    return Loss{good(draw).total * std::numeric_limits<double>::quiet_NaN(), {}};
  };
  try {
    run_training(broken, toy_config(), hopeless.path(), {});
    FAIL() << "it should have given up";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("10 updates in a row"));
  }
}

/// A toy whose loss is not finite from `first` samples on, `times` times.
Task breaking_task(std::int64_t first, int times) {
  Task task = toy_task();
  const auto good = task.loss;
  const auto left = std::make_shared<int>(times);
  task.loss = [=](const Draw& draw) {
    Loss loss = good(draw);
    if (draw.first >= first && (*left)-- > 0)
      loss.total = loss.total * std::numeric_limits<double>::quiet_NaN();
    return loss;
  };
  return task;
}

TEST(Trainer, GoesBackToTheLastSnapshotAfterManyInARow) {
  const TemporaryDirectory folder;
  Task task = breaking_task(800, 20);  // ten updates of two batches
  const auto summary = run_training(task, toy_config(), folder.path(), {});
  EXPECT_EQ(summary.rollbacks, 1);
  EXPECT_EQ(summary.samples, 1600);
  EXPECT_LT(summary.validation_loss, 0.05);
  const auto log = read_text_file(folder.path() / "log.jsonl");
  EXPECT_THAT(log, HasSubstr("\"rollbacks\":1"));
  const double rate = learning_rate(toy_config().learning_rate, 1280, 1600) / 2;
  EXPECT_THAT(log, HasSubstr(Json(rate).dump()));

  const TemporaryDirectory limited;
  TrainerConfig config = toy_config();
  config.rollback_limit = 0;
  Task again = breaking_task(800, 20);
  EXPECT_THROW(run_training(again, config, limited.path(), {}), Error);
}

TEST(Trainer, StopsEarlyWhenValidationGetsNoBetter) {
  const TemporaryDirectory straight;
  TrainerConfig config = toy_config();
  config.validate_every = 80;
  config.patience = 2;
  const double losses[] = {5, 4, 4.5, 3, 3.5, 3, 1};
  const auto with_losses = [&] {
    Task task = toy_task();
    task.validation_loss = [&losses, count = std::make_shared<int>(0)] {
      return ValidationLoss{losses[(*count)++]};
    };
    return task;
  };
  Task task = with_losses();
  const auto summary = run_training(task, config, straight.path(), {});
  EXPECT_TRUE(summary.stopped_early);
  EXPECT_EQ(summary.samples, 480);
  EXPECT_THAT(read_text_file(straight.path() / "log.jsonl"), HasSubstr("\"stopped_early\":true"));
  EXPECT_TRUE(fs::exists(straight.path() / "model.safetensors"));
  const auto again = run_training(task, config, straight.path(), {});
  EXPECT_EQ(again.samples, 480);
}

TEST(Trainer, ForetellsAndIsNotChangedByIt) {
  const TemporaryDirectory told, untold;
  run(untold.path());
  TrainingForecast forecast;
  Task task = toy_task();
  run_training(task, toy_config(), told.path(), {}, {},
               [&](const TrainingForecast& what) { forecast = what; });
  EXPECT_EQ(result_bytes(told.path()), result_bytes(untold.path()));
  EXPECT_EQ(forecast.updates, 200);
  EXPECT_EQ(forecast.parameters, 18);
  EXPECT_EQ(forecast.weight_bytes, 2u * 32 * 4);
  EXPECT_EQ(forecast.optimiser_bytes, 3u * 32 * 4);
  EXPECT_GT(forecast.seconds, 200 * forecast.update_seconds);
  EXPECT_GT(forecast.peak_bytes, 1u << 20);
}

TEST(Trainer, AForecastGivesBackWhatATaskKeeps) {
  const TemporaryDirectory told, untold;
  Task one = toy_task_with_target(), other = toy_task_with_target();
  run_training(one, toy_config(), untold.path(), {});
  run_training(other, toy_config(), told.path(), {}, {}, [](const TrainingForecast&) {});
  EXPECT_EQ(result_bytes(told.path()), result_bytes(untold.path()));
  EXPECT_FALSE(at::equal(*one.kept[0].second, at::zeros({3, 5})));
  EXPECT_TRUE(at::equal(*one.kept[0].second, *other.kept[0].second));
}

TEST(Trainer, EveryOptimiserResumesWithTheSameBytes) {
  for (const std::string kind : {"adamw", "adamw8bit", "adafactor", "prodigy"}) {
    const TemporaryDirectory straight, pieces;
    TrainerConfig config = toy_config();
    config.optimiser.kind = kind;
    config.optimiser.matrices = kind == "adamw" ? "muon" : "adamw";
    config.profile_every = 160;
    config.result_profile = 0.12;
    if (kind == "prodigy") config.learning_rate.peak = 1;
    const auto summary = run(straight.path(), config);
    EXPECT_LT(summary.validation_loss, 1) << kind;
    for (const std::int64_t stop : {8, 408, 1000}) {
      Runtime runtime;
      EXPECT_THROW(run(pieces.path(), config, runtime,
                       [&](const ProgressState& state) {
                         if (state.done >= stop) runtime.cancel.request();
                       }),
                   Cancelled);
    }
    run(pieces.path(), config);
    EXPECT_EQ(result_bytes(straight.path()), result_bytes(pieces.path())) << kind;

    config.optimiser.kind = kind == "adamw" ? "prodigy" : "adamw";
    EXPECT_THROW(run(pieces.path(), config), Error) << kind;
  }
}

TEST(Trainer, AFullDiskLeavesTheOldSnapshotsAndSaysWhatIsNeeded) {
  TrainerConfig config = toy_config();
  config.log_every = config.validate_every = config.samples;  // snapshots alone are written
  const TemporaryDirectory straight, full;
  run(straight.path(), config);
  Runtime runtime;
  EXPECT_THROW(run(full.path(), config, runtime,
                   [&](const ProgressState& state) {
                     if (state.done >= 400) runtime.cancel.request();
                   }),
               Cancelled);
  const auto before = snapshot_names(full.path());
  std::vector<std::uintmax_t> sizes;
  for (const auto& entry : fs::directory_iterator(full.path() / "snapshots" / before.back()))
    if (entry.file_size() > 1) sizes.push_back(entry.file_size());
  ASSERT_EQ(sizes.size(), 3u);  // state, tensors, manifest; the log is empty yet
  for (const auto size : sizes) {
    const FileSizeLimit limit(size - 1);
    try {
      run(full.path(), config);
      FAIL() << "writing should have failed";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr((full.path() / "snapshots").string()));
      EXPECT_THAT(error.hint(), HasSubstr("a snapshot takes 0.0 MB and "));
      EXPECT_THAT(error.hint(), HasSubstr("MB are free there"));
    }
    EXPECT_EQ(snapshot_names(full.path()), before) << size;
  }
  run(full.path(), config);
  EXPECT_EQ(result_bytes(straight.path()), result_bytes(full.path()));
}

TEST(Trainer, RefusesSettingsWithoutSense) {
  TrainerConfig config = toy_config();
  config.batch_size = 0;
  EXPECT_THROW(check(config), Error);
  config = toy_config();
  config.samples = 7;
  EXPECT_THROW(check(config), Error);
  config = toy_config();
  config.ema_decay = 1;
  EXPECT_THROW(check(config), Error);
  config = toy_config();
  config.optimiser.beta2 = 1;
  EXPECT_THROW(check(config), Error);
}

}  // namespace
}  // namespace sumi
