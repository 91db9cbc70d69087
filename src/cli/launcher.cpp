#include "cli/launcher.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "cli/outcome.h"
#include "core/error.h"
#include "training/process_place.h"

namespace sumi {
namespace {

/// A port of this machine that nobody uses now.
int free_port() {
  const int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool found = handle >= 0 &&
                     bind(handle, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (handle >= 0) close(handle);
  if (!found) throw Error("no port is free for the processes to meet", "close other programs");
  return ntohs(address.sin_port);
}

/// Signals that the launcher waits for instead of being interrupted by them.
class WaitedSignals {
 public:
  WaitedSignals() {
    sigemptyset(&waited_);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM}) sigaddset(&waited_, signal);
    sigprocmask(SIG_BLOCK, &waited_, &before_);
  }
  ~WaitedSignals() { restore(); }
  WaitedSignals(const WaitedSignals&) = delete;
  WaitedSignals& operator=(const WaitedSignals&) = delete;

  void restore() const { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  int next() const {
    int signal = 0;
    sigwait(&waited_, &signal);
    return signal;
  }

 private:
  sigset_t waited_{}, before_{};
};

struct Child {
  pid_t id = -1;
  bool ended = false;
  bool killed_by_us = false;
  int status = 0;
};

/// The end of all of a machine's processes.
struct Ending {
  int code = kExitOk;
  std::string lost;    ///< which process was lost; empty: none
  bool asked = false;  ///< somebody wanted the run to stop
};

class Crew {
 public:
  Crew(const TrainCommand& command, const std::filesystem::path& engine,
       const std::vector<std::string>& arguments)
      : command_(command), engine_(engine.string()), arguments_(arguments) {}

  /// Starts all processes and waits until the last one has ended.
  Ending run_once() {
    const std::string address =
        command_.nodes > 1 ? command_.master : fmt::format("127.0.0.1:{}", free_port());
    children_.clear();
    for (int i = 0; i < command_.processes; ++i) children_.push_back({start(i, address)});
    Ending ending;
    while (!all_ended()) {
      const int signal = signals_.next();
      if (signal != SIGCHLD) ending.asked = true;
      // A terminal's Ctrl-C has reached them already; a second SIGINT would end them at once.
      if (signal == SIGTERM) tell_all(SIGTERM);
      reap();
    }
    return judged(std::move(ending));
  }

 private:
  pid_t start(int local_rank, const std::string& address) const;
  void reap();
  void tell_all(int signal);
  Ending judged(Ending ending) const;
  bool all_ended() const {
    return std::all_of(children_.begin(), children_.end(),
                       [](const Child& child) { return child.ended; });
  }
  int rank_of(std::size_t child) const {
    return command_.node_rank * command_.processes + static_cast<int>(child);
  }

  const TrainCommand& command_;
  std::string engine_;
  const std::vector<std::string>& arguments_;
  WaitedSignals signals_;
  std::vector<Child> children_;
};

pid_t Crew::start(int local_rank, const std::string& address) const {
  const auto colon = address.rfind(':');
  const std::vector<std::pair<const char*, std::string>> variables = {
      {"RANK", std::to_string(rank_of(static_cast<std::size_t>(local_rank)))},
      {"WORLD_SIZE", std::to_string(command_.nodes * command_.processes)},
      {"LOCAL_RANK", std::to_string(local_rank)},
      {"LOCAL_WORLD_SIZE", std::to_string(command_.processes)},
      {"MASTER_ADDR", address.substr(0, colon)},
      {"MASTER_PORT", address.substr(colon + 1)},
      {"SUMI_RANK_TIMEOUT", std::to_string(command_.rank_timeout)}};
  std::vector<char*> argv = {const_cast<char*>(engine_.c_str())};
  for (const auto& argument : arguments_) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid(), child = fork();
  if (child < 0) throw Error("no process can be started", "close other programs");
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(kExitCancelled);
  signals_.restore();
  for (const auto& [name, value] : variables) setenv(name, value.c_str(), /*overwrite=*/1);
  execv(engine_.c_str(), argv.data());
  _exit(127);
}

void Crew::tell_all(int signal) {
  for (auto& child : children_) {
    if (child.ended) continue;
    child.killed_by_us = child.killed_by_us || signal == SIGKILL;
    kill(child.id, signal);
  }
}

bool is_loss(int status) {
  return WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == kExitLost);
}

/// Notes who has ended. Without one of them the others cannot go on: what they hold beyond the last
/// snapshot is lost anyway.
void Crew::reap() {
  bool lost = false;
  for (auto& child : children_)
    if (!child.ended && waitpid(child.id, &child.status, WNOHANG) == child.id) {
      child.ended = true;
      lost = lost || is_loss(child.status);
    }
  if (lost) tell_all(SIGKILL);
}

Ending Crew::judged(Ending ending) const {
  const int count = command_.nodes * command_.processes;
  bool by_signal = false;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const auto& child = children_[i];
    if (WIFEXITED(child.status) && WEXITSTATUS(child.status) != kExitLost) {
      ending.code = std::max(ending.code, WEXITSTATUS(child.status));
    } else if (WIFSIGNALED(child.status) && !child.killed_by_us) {
      if (!by_signal)
        ending.lost = fmt::format("process {} of {} was ended by signal {}", rank_of(i), count,
                                  WTERMSIG(child.status));
      by_signal = true;
    } else if (ending.lost.empty() && !child.killed_by_us) {
      ending.lost = fmt::format("process {} of {} lost sight of another one", rank_of(i), count);
    }
  }
  if (ending.lost.empty() && ending.code == kExitOk &&
      std::any_of(children_.begin(), children_.end(),
                  [](const Child& child) { return child.killed_by_us; }))
    ending.lost = "a process was lost";
  return ending;
}

}  // namespace

bool starts_several(const TrainCommand& command) {
  return command.nodes * command.processes > 1 && !is_placed_by_environment();
}

int launch(const TrainCommand& command, const std::filesystem::path& engine,
           const std::vector<std::string>& arguments) {
  Crew crew(command, engine, arguments);
  for (int restarts = 0;; ++restarts) {
    const Ending ending = crew.run_once();
    if (ending.code != kExitOk || ending.lost.empty()) return ending.code;
    if (ending.asked) return kExitCancelled;
    if (restarts == command.max_restarts)
      throw Error(fmt::format("{}, after {} restarts", ending.lost, restarts),
                  "run the same command to go on from the last snapshot; sumi doctor shows the "
                  "memory, whose end is the usual cause");
    fmt::print(stderr, "sumi: {}; all start again from the last snapshot (restart {} of {})\n",
               ending.lost, restarts + 1, command.max_restarts);
  }
}

}  // namespace sumi
