// Two processes, each in a network of its own, joined by one cable: what two machines see.
#include <gmock/gmock.h>
#include <sched.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "data/process.h"
#include "team.h"
#include "wide_task.h"

namespace sumi {
namespace {

using testing::Each;

/// Why networks cannot be made here; empty where they can.
std::string obstacle() {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWNET) == 0 ? 0 : errno);
  int status = 0;
  waitpid(child, &status, 0);
  if (WEXITSTATUS(status) != 0)
    return std::string("unshare(CLONE_NEWNET): ") + std::strerror(WEXITSTATUS(status));
  try {
    const auto ip = run_program({"ip", "-V"}, "/");
    return ip.exit_code == 0 ? "" : ip.output;
  } catch (const Error& error) {
    return error.what();
  }
}

void ip(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ip");
  const auto result = run_program(arguments, "/");
  if (result.exit_code != 0) throw Error("ip: " + result.output);
}

class Pipe {
 public:
  Pipe() {
    if (pipe(ends_) != 0) throw std::runtime_error("no pipe");
  }
  void send() const {
    const char byte = 'x';
    if (write(ends_[1], &byte, 1) != 1) throw std::runtime_error("pipe closed");
  }
  void receive() const {
    char byte = 0;
    if (read(ends_[0], &byte, 1) != 1) throw std::runtime_error("pipe closed");
  }

 private:
  int ends_[2];
};

/// Two processes with the addresses 10.77.0.1 and 10.77.0.2. The second one pulls the cable after
/// `cut_after` samples.
Team in_two_networks(const std::filesystem::path& output, std::int64_t cut_after,
                     double timeout_s) {
  const Pipe ready, go;
  const auto work = [=](const std::shared_ptr<Processes>& processes) {
    Task task = wide_task();
    const bool cuts = processes->rank() == 1;
    run_training(
        task, wide_config(), output, {},
        [&](const ProgressState& state) {
          if (cuts && state.done == cut_after) ip({"link", "set", "sumi0", "down"});
        },
        {}, processes);
  };
  const auto prepare = [=](int rank) {
    if (unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare");
    ready.send();
    go.receive();
    ip({"addr", "add", rank == 0 ? "10.77.0.1/24" : "10.77.0.2/24", "dev", "sumi0"});
    ip({"link", "set", "lo", "up"});
    ip({"link", "set", "sumi0", "up"});
  };
  Team team(2, work, timeout_s, "10.77.0.1", prepare);
  for (int i = 0; i < 2; ++i) ready.receive();
  ip({"link", "add", "sumi0", "netns", std::to_string(team.id(0)), "type", "veth", "peer", "name",
      "sumi0", "netns", std::to_string(team.id(1))});
  for (int i = 0; i < 2; ++i) go.send();
  return team;
}

TEST(TwoNetworks, ACableThatIsPulledEndsBothAndTheyGoOnToTheSameBytes) {
  if (const auto why = obstacle(); !why.empty()) GTEST_SKIP() << why;
  const TemporaryDirectory straight, cut;
  Team alone(1, [&](const std::shared_ptr<Processes>& processes) {
    Task task = wide_task();
    run_training(task, wide_config(), straight.path(), {}, {}, {}, processes);
  });
  EXPECT_THAT(alone.wait(), Each(0)) << alone.error();

  const auto start = std::chrono::steady_clock::now();
  auto broken = in_two_networks(cut.path(), 160, 5);
  EXPECT_THAT(broken.wait(), Each(kExitLost)) << broken.error();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_LT(taken.count(), 40);
  EXPECT_GT(SnapshotFolder(cut.path() / "snapshots").load_latest()->samples, 0);

  auto whole = in_two_networks(cut.path(), -1, 30);
  EXPECT_THAT(whole.wait(), Each(0)) << whole.error();
  EXPECT_EQ(left_by(cut.path()), left_by(straight.path()));
}

}  // namespace
}  // namespace sumi
