#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/files.h"

namespace sumi {

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

inline std::string content(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// A program running as a child. Its stdout goes to a file in a folder of its own, its stderr to
/// us.
class Program {
 public:
  Program(const std::filesystem::path& program, const std::vector<std::string>& arguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    child_ = fork();
    if (child_ == 0) {
      dup2(open((folder_.path() / "out").c_str(), O_CREAT | O_WRONLY, 0600), STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      std::vector<char*> argv = {const_cast<char*>(program.c_str())};
      for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
      argv.push_back(nullptr);
      execv(program.c_str(), argv.data());
      _exit(127);
    }
    close(ends[1]);
    errors_ = ends[0];
  }
  ~Program() { close(errors_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t id() const { return child_; }

  /// Waits until stderr has said `text`; false when it ended without.
  bool says(const std::string& text) {
    while (err_.find(text) == std::string::npos)
      if (!read_more()) return false;
    return true;
  }

  Outcome wait() {
    while (read_more()) continue;
    int status = 0;
    waitpid(child_, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, content(folder_.path() / "out"), err_};
  }

 private:
  bool read_more() {
    char buffer[4096];
    const auto got = read(errors_, buffer, sizeof(buffer));
    if (got > 0) err_.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }

  TemporaryDirectory folder_;
  pid_t child_ = -1;
  int errors_ = -1;
  std::string err_;
};

inline Outcome run_sumi(const std::vector<std::string>& arguments) {
  return Program(SUMI_PROGRAM, arguments).wait();
}

}  // namespace sumi
