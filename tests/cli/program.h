#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
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

/// A program running as a child; its output goes to files in a folder of its own.
class Program {
 public:
  Program(const std::filesystem::path& program, const std::vector<std::string>& arguments) {
    child_ = fork();
    if (child_ != 0) return;
    send(STDOUT_FILENO, "out");
    send(STDERR_FILENO, "err");
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
    _exit(127);
  }

  pid_t id() const { return child_; }

  Outcome wait() {
    int status = 0;
    waitpid(child_, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, content(folder_.path() / "out"), content(folder_.path() / "err")};
  }

 private:
  void send(int descriptor, const char* name) const {
    const auto file = folder_.path() / name;
    dup2(open(file.c_str(), O_CREAT | O_WRONLY, 0600), descriptor);
  }

  TemporaryDirectory folder_;
  pid_t child_ = -1;
};

inline Outcome run_sumi(const std::vector<std::string>& arguments) {
  return Program(SUMI_PROGRAM, arguments).wait();
}

}  // namespace sumi
