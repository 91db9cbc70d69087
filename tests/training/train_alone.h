#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>

#include "core/error.h"
#include "training/train.h"

namespace sumi {

/// Trains on one thread in this process; with `stop` it is cancelled once so many samples are seen.
inline void train_alone(const Recipe& recipe, const std::filesystem::path& output,
                        std::int64_t stop = 1 << 30) {
  Runtime runtime;
  runtime.threads = 1;
  TrainCallbacks callbacks;
  callbacks.progress = [&](const ProgressState& state) {
    if (state.what.starts_with("training") && state.done >= stop) runtime.cancel.request();
  };
  if (stop < recipe.trainer.samples)
    EXPECT_THROW(train(recipe, output, runtime, callbacks), Cancelled);
  else
    train(recipe, output, runtime, callbacks);
}

}  // namespace sumi
