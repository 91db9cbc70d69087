#include "cli/child_process.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "core/error.h"

namespace sumi {
namespace {

/// What a child says instead of a result when it fails.
Json result_or_fault(const std::function<Json()>& work) {
  try {
    return {{"result", work()}};
  } catch (const Error& error) {
    return {{"fault", error.what()}, {"hint", error.hint()}};
  } catch (const std::exception& error) {
    return {{"fault", error.what()}, {"hint", ""}};
  }
}

void write_all(int descriptor, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto done = write(descriptor, text.data() + at, text.size() - at);
    if (done <= 0) return;
    at += static_cast<std::size_t>(done);
  }
}

std::string read_all(int descriptor) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(descriptor, buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

}  // namespace

Json measure_in_child(const std::function<Json()>& work) {
  int ends[2];
  if (pipe(ends) != 0) throw Error("no pipe can be made", "close other programs");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw Error("no process can be started", "close other programs");
  if (child == 0) {
    close(ends[0]);
    write_all(ends[1], result_or_fault(work).dump());
    _exit(0);
  }
  close(ends[1]);
  const auto text = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  if (text.empty())
    throw Error(WIFSIGNALED(status)
                    ? fmt::format("the measurement was ended by signal {}", WTERMSIG(status))
                    : "the measurement ended without a result",
                "the memory was probably not enough; sumi doctor shows it");
  auto answer = parse_json(text, "the measurement");
  if (answer.contains("fault"))
    throw Error(answer["fault"].get<std::string>(), answer["hint"].get<std::string>());
  auto result = answer["result"];
  result["peak_memory_bytes"] = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return result;
}

}  // namespace sumi
