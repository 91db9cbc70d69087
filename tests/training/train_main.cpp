// train_driver RECIPE OUTPUT [THREADS]: carries out a recipe; Ctrl-C saves and ends.
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

#include "core/error.h"
#include "core/log.h"
#include "training/train.h"

namespace {

sumi::CancelToken cancel;

void stop(int) { cancel.request(); }

}  // namespace

int main(int count, char** values) {
  using namespace sumi;
  if (count < 3) {
    fmt::print(stderr, "usage: train_driver RECIPE OUTPUT [THREADS]\n");
    return 2;
  }
  start_log(false);
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  try {
    Runtime runtime;
    runtime.threads = count > 3 ? std::atoi(values[3]) : 0;
    runtime.cancel = cancel;
    TrainCallbacks callbacks;
    callbacks.progress = terminal_progress("sample");
    const auto summary = train(read_recipe(values[1]), values[2], runtime, callbacks);
    fmt::print("{} samples, {} parameters, {} skipped updates, validation loss {:.5f}, {:.0f} s\n",
               summary.samples, summary.parameters, summary.skipped, summary.validation_loss,
               summary.seconds);
    return 0;
  } catch (const Cancelled&) {
    fmt::print(stderr, "saved; run the same command to go on\n");
    return 130;
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n{}\n", error.what(), error.hint());
    return 2;
  }
}
