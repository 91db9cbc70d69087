// Trainings that several real processes share. Every training runs in a child process (see team.h).
#include <gmock/gmock.h>

#include <chrono>
#include <optional>

#include "core/error.h"
#include "duel_task.h"
#include "file_size_limit.h"
#include "team.h"
#include "training/run_log.h"
#include "wide_task.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

Team train_in(
    int count, const fs::path& output, const TrainerConfig& config,
    std::function<Task()> task = [] { return wide_task(); }, std::int64_t stop_at = 1 << 30) {
  return Team(count, [=](const std::shared_ptr<Processes>& processes) {
    Task made = task();
    Runtime runtime;
    const auto sink = [&](const ProgressState& state) {
      if (state.done >= stop_at) runtime.cancel.request();
    };
    try {
      run_training(made, config, output, runtime,
                   processes->rank() == 0 ? ProgressSink(sink) : ProgressSink(), {}, processes);
    } catch (const Cancelled&) {
      return;
    }
  });
}

std::string trained_by(int count, const TrainerConfig& config, bool damaged = false) {
  const TemporaryDirectory folder;
  auto team = train_in(count, folder.path(), config, [=] { return wide_task(damaged); });
  EXPECT_THAT(team.wait(), Each(0)) << team.error();
  return left_by(folder.path());
}

TEST(SharedTraining, OneTwoFourAndEightProcessesLeaveTheSameBytes) {
  for (const std::string kind : {"adamw", "adamw8bit", "adafactor", "prodigy"}) {
    TrainerConfig config = wide_config();
    config.optimiser.kind = kind;
    config.optimiser.matrices = kind == "adafactor" ? "adamw" : "muon";
    config.optimiser.clip_norm = 0.05;
    config.profile_every = 64;
    config.result_profile = 0.12;
    if (kind == "prodigy") config.learning_rate.peak = 1;
    const auto expected = trained_by(1, config);
    for (const int count : {2, 4}) EXPECT_EQ(trained_by(count, config), expected) << kind << count;
    if (kind == "adamw") {
      EXPECT_EQ(trained_by(8, config), expected);
    }
  }
}

TEST(SharedTraining, WithTheStateOnDiskTheBytesAreTheSame) {
  TrainerConfig config = wide_config();
  config.optimiser.matrices = "muon";
  config.profile_every = 64;
  const auto expected = trained_by(1, config);
  for (const char* offload : {"optimiser", "all"}) {
    config.offload = offload;
    EXPECT_EQ(trained_by(2, config), expected) << offload;
  }
}

TEST(SharedTraining, AFullDiskInOneProcessIsToldByAll) {
  TrainerConfig config = wide_config();
  config.offload = "optimiser";
  const TemporaryDirectory folder;
  Team team(2, [&](const std::shared_ptr<Processes>& processes) {
    std::optional<FileSizeLimit> full;
    if (processes->rank() == 1) full.emplace(4096);
    Task task = wide_task();
    run_training(task, config, folder.path(), {}, {}, {}, processes);
  });
  EXPECT_THAT(team.wait(), ElementsAre(2, 3));
  EXPECT_THAT(team.error(), HasSubstr("reserving"));
}

TEST(SharedTraining, AnAdversaryIsSharedAsTheModelIs) {
  TrainerConfig config = wide_config();
  config.samples = 192;
  const auto run = [&](int count, const fs::path& output, std::int64_t stop = 1 << 30) {
    auto team = train_in(
        count, output, config, [] { return duel_task(); }, stop);
    EXPECT_THAT(team.wait(), Each(0)) << team.error();
  };
  const TemporaryDirectory alone, mixed;
  run(1, alone.path());
  const auto expected = left_by(alone.path());
  EXPECT_THAT(expected, HasSubstr("\"discriminator\""));
  for (const int count : {2, 4}) {
    const TemporaryDirectory folder;
    run(count, folder.path());
    EXPECT_EQ(left_by(folder.path()), expected) << count;
  }
  run(4, mixed.path(), 64);
  run(1, mixed.path(), 128);
  run(2, mixed.path());
  EXPECT_EQ(left_by(mixed.path()), expected);
}

TEST(SharedTraining, ThreeProcessesComeToTheSameLossesUpToRounding) {
  TrainerConfig config = wide_config();
  config.accumulation = 9;
  const TemporaryDirectory alone, three;
  auto one = train_in(1, alone.path(), config), some = train_in(3, three.path(), config);
  EXPECT_THAT(one.wait(), Each(0));
  EXPECT_THAT(some.wait(), Each(0)) << some.error();
  RunLog first, second;
  first.restore(read_text_file(alone.path() / "log.jsonl"));
  second.restore(read_text_file(three.path() / "log.jsonl"));
  const auto a = first.lines(), b = second.lines();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i].at("mean_loss").get<double>(), b[i].at("mean_loss").get<double>(), 1e-6);
}

TEST(SharedTraining, AnyNumberGoesOnFromAnyOthersSnapshot) {
  const TrainerConfig config = wide_config();
  const auto expected = trained_by(1, config);
  const TemporaryDirectory folder;
  std::int64_t stop = 64;
  for (const int count : {4, 1, 2}) {
    auto team = train_in(
        count, folder.path(), config, [] { return wide_task(); }, stop);
    EXPECT_THAT(team.wait(), Each(0)) << team.error();
    stop += 64;
  }
  auto last = train_in(2, folder.path(), config);
  EXPECT_THAT(last.wait(), Each(0)) << last.error();
  EXPECT_EQ(left_by(folder.path()), expected);
}

TEST(SharedTraining, DamagedSamplesAreTheSameForAnyNumber) {
  const TrainerConfig config = wide_config();
  const auto expected = trained_by(1, config, true);
  EXPECT_THAT(expected, HasSubstr("\"damaged\""));
  for (const int count : {2, 4}) EXPECT_EQ(trained_by(count, config, true), expected) << count;
}

TEST(SharedTraining, TooManyDamagedSamplesStopAllWithTheErrorOfOne) {
  std::string expected;
  for (const int count : {1, 4}) {
    const TemporaryDirectory folder;
    auto team = train_in(count, folder.path(), wide_config(), [] { return wide_task(true, 12); });
    const auto codes = team.wait();
    EXPECT_EQ(codes[0], 2);
    if (count == 1) expected = team.error();
    if (count == 4) {
      EXPECT_THAT(codes, ElementsAre(2, 3, 3, 3));
    }
    EXPECT_EQ(team.error(), expected);
  }
  EXPECT_THAT(expected, HasSubstr("too many are damaged"));
}

TEST(SharedTraining, BatchesThatCannotBeSharedAreAnError) {
  const TemporaryDirectory folder;
  TrainerConfig config = wide_config();
  config.accumulation = 3;
  auto team = train_in(2, folder.path(), config);
  EXPECT_THAT(team.wait(), ElementsAre(2, 3));
  EXPECT_THAT(team.error(), HasSubstr("3 batches per update cannot be shared by 2"));
}

/// A training of `count` whose first process tells each update through a pipe.
struct Watched {
  explicit Watched(int count, const fs::path& output, double timeout_s) {
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    team.emplace(
        count,
        [=, this](const std::shared_ptr<Processes>& processes) {
          Task task = wide_task();
          run_training(
              task, wide_config(), output, {},
              [&](const ProgressState&) {
                const char step = 's';
                if (processes->rank() == 0 && write(ends[1], &step, 1) != 1) _exit(9);
              },
              {}, processes);
        },
        timeout_s);
    close(ends[1]);
  }
  ~Watched() { close(ends[0]); }

  void await(int updates) {
    char step = 0;
    for (int i = 0; i < updates; ++i)
      if (read(ends[0], &step, 1) <= 0) return;
  }

  int ends[2];
  std::optional<Team> team;
};

TEST(SharedTraining, AKilledProcessEndsAllAndAllGoOnToTheSameBytes) {
  const auto expected = trained_by(4, wide_config());
  const TemporaryDirectory folder;
  for (const int victim : {2, 0, 3}) {
    Watched run(4, folder.path(), 30);
    run.await(5 + victim);
    kill(run.team->id(victim), SIGKILL);
    const auto codes = run.team->wait();
    for (int rank = 0; rank < 4; ++rank)
      EXPECT_THAT(codes[static_cast<std::size_t>(rank)],
                  rank == victim ? testing::Eq(128 + SIGKILL) : testing::Eq(kExitLost))
          << rank;
  }
  Watched last(4, folder.path(), 30);
  EXPECT_THAT(last.team->wait(), Each(0)) << last.team->error();
  EXPECT_EQ(left_by(folder.path()), expected);
}

TEST(SharedTraining, AStalledProcessIsSeenWithinItsTimeout) {
  const TemporaryDirectory folder;
  Watched run(2, folder.path(), 2);
  run.await(5);
  kill(run.team->id(1), SIGSTOP);
  const auto start = std::chrono::steady_clock::now();
  int status = 0;
  waitpid(run.team->id(0), &status, 0);
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kExitLost);
  EXPECT_LT(waited.count(), 10);
  kill(run.team->id(1), SIGKILL);
  waitpid(run.team->id(1), &status, 0);
}

}  // namespace
}  // namespace sumi
