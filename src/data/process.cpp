#include "data/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"

extern char** environ;

namespace sumi {
namespace {

constexpr std::size_t kKeptOutput = 16 * 1024;

struct FileActions {
  posix_spawn_file_actions_t value;
  FileActions() { posix_spawn_file_actions_init(&value); }
  ~FileActions() { posix_spawn_file_actions_destroy(&value); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
};

/// Reads until the other side closes; keeps the end.
std::string drain(int descriptor) {
  std::string kept;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto count = read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return kept;
    kept.append(buffer.data(), static_cast<std::size_t>(count));
    if (kept.size() > kKeptOutput) kept.erase(0, kept.size() - kKeptOutput);
  }
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::filesystem::path& working_directory) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw Error(fmt::format("no pipe to {}: {}", arguments[0], std::strerror(errno)));
  FileActions actions;
  posix_spawn_file_actions_addchdir_np(&actions.value, working_directory.c_str());
  posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions.value, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions.value, ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, argv[0], &actions.value, nullptr, argv.data(), environ);
  close(ends[1]);
  if (failure != 0) {
    close(ends[0]);
    throw Error(fmt::format("cannot run {}: {}", arguments[0], std::strerror(failure)),
                fmt::format("install {} and try again", arguments[0]));
  }
  ProgramResult result;
  result.output = drain(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace sumi
