// Its own program: LibTorch's backward pass does not survive a fork after its first use, so every
// training here runs in a child process.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "toy_task.h"
#include "training/snapshots.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

struct Child {
  pid_t id;
  int steps;  ///< reading end: one byte after each update
};

/// A training in a process of its own that tells each update through a pipe.
Child start_training(const fs::path& output, Task (*make_task)(),
                     const TrainerConfig& config = toy_config()) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t id = fork();
  if (id == 0) {
    close(ends[0]);
    at::set_num_threads(1);
    Task task = make_task();
    int code = 0;
    try {
      run_training(task, config, output, {}, [&](const ProgressState&) {
        const char step = 's';
        if (write(ends[1], &step, 1) != 1) _exit(3);
      });
    } catch (const std::exception&) {
      code = 4;
    }
    _exit(code);
  }
  close(ends[1]);
  return {id, ends[0]};
}

/// Waits for `updates` of them (or the end), then kills; returns whether the child had ended
/// itself.
bool kill_after(const Child& child, int updates) {
  char step = 0;
  for (int i = 0; i < updates; ++i)
    if (read(child.steps, &step, 1) <= 0) break;
  kill(child.id, SIGKILL);
  close(child.steps);
  int status = 0;
  waitpid(child.id, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int finish(const Child& child) {
  char step = 0;
  while (read(child.steps, &step, 1) > 0) continue;
  close(child.steps);
  int status = 0;
  waitpid(child.id, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Kills and goes on, several times over, in several runs; each has to end like one that was left
/// alone, with toy_config().
void expect_same_bytes_after_kills(Task (*make_task)(),
                                   const TrainerConfig& config = toy_config()) {
  const TemporaryDirectory straight;
  ASSERT_EQ(finish(start_training(straight.path(), make_task)), 0);
  const std::string expected = result_bytes(straight.path());
  std::mt19937 random(5);
  int killed = 0;
  for (int run = 0; run < 3; ++run) {
    const TemporaryDirectory folder;
    for (int round = 0; round < 6; ++round)
      if (!kill_after(start_training(folder.path(), make_task, config),
                      1 + static_cast<int>(random() % 60)))
        ++killed;
    ASSERT_EQ(finish(start_training(folder.path(), make_task, config)), 0);
    EXPECT_EQ(result_bytes(folder.path()), expected);
    for (const auto& entry : fs::directory_iterator(folder.path() / "snapshots"))
      EXPECT_TRUE(fs::exists(entry.path() / "manifest.json")) << entry.path();
  }
  EXPECT_GT(killed, 9);
}

TEST(Kill, AtAnyMomentTheRunEndsWithTheSameBytes) { expect_same_bytes_after_kills(&toy_task); }

TEST(Kill, WhatATaskKeepsComesBackToo) { expect_same_bytes_after_kills(&toy_task_with_target); }

TEST(Kill, WithItsStateOnDiskTheRunEndsWithTheSameBytes) {
  TrainerConfig config = toy_config();
  config.offload = "all";
  expect_same_bytes_after_kills(&toy_task, config);
}

}  // namespace
}  // namespace sumi
