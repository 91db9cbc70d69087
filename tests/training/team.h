#pragma once

#include <ATen/Parallel.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/files.h"
#include "training/processes.h"

namespace sumi {

inline int free_port() {
  const int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(handle, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port");
  close(handle);
  return ntohs(address.sin_port);
}

/// Processes forked from this one, before it has computed anything, that do `work` together. Each
/// exits with 0, 2 (Error, whose text is kept), 3 (SharedError) or kExitLost.
class Team {
 public:
  using Work = std::function<void(const std::shared_ptr<Processes>&)>;

  /// Done in each process before it looks for the others.
  using Preparation = std::function<void(int rank)>;

  Team(int count, const Work& work, double timeout_s = 60, const std::string& master = "127.0.0.1",
       const Preparation& prepare = {}) {
    ProcessPlace place;
    place.count = place.local_count = count;
    place.master = master;
    place.port = free_port();
    place.timeout_s = timeout_s;
    for (int i = 0; i < count; ++i) {
      place.rank = place.local_rank = i;
      ids_.push_back(start(place, work, prepare));
    }
  }

  pid_t id(int rank) const { return ids_[static_cast<std::size_t>(rank)]; }

  /// The exit codes, 128 + signal where one ended it.
  std::vector<int> wait() {
    std::vector<int> codes;
    for (const pid_t id : ids_) {
      int status = 0;
      waitpid(id, &status, 0);
      codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    return codes;
  }

  /// What the process that exited with 2 said.
  std::string error() const {
    const auto file = folder_->path() / "error";
    return std::filesystem::exists(file) ? read_text_file(file) : "";
  }

 private:
  pid_t start(const ProcessPlace& place, const Work& work, const Preparation& prepare) {
    const pid_t id = fork();
    if (id != 0) return id;
    at::set_num_threads(1);
    try {
      if (prepare) prepare(place.rank);
      work(std::make_shared<Processes>(place));
    } catch (const LostProcess& error) {
      _exit(kExitLost);
    } catch (const SharedError& error) {
      _exit(3);
    } catch (const Error& error) {
      write_file(folder_->path() / "error", error.what());
      _exit(2);
    } catch (const std::exception& error) {
      write_file(folder_->path() / "error", error.what());
      _exit(4);
    }
    _exit(0);
  }

  std::shared_ptr<TemporaryDirectory> folder_ = std::make_shared<TemporaryDirectory>();
  std::vector<pid_t> ids_;
};

}  // namespace sumi
