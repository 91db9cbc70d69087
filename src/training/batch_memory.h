#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sumi {

/// Computes the loss and gradients of `count` samples and tells how many bytes of tensors that took
/// at its peak, beyond those that were there before.
using BatchProbe = std::function<std::uint64_t(int count)>;

/// What a batch of `count` samples takes, as far as small ones foretell it.
struct BatchMemory {
  double fixed = 0, per_sample = 0;  ///< bytes
  double of(int count) const { return fixed + per_sample * count; }
};

/// Memory grows by the same with each sample, so that doubled batches, from one sample on, tell it;
/// they end when the growth is clear, when a batch surely fits and before one that is foretold to
/// take more than `available` bytes. Never computes `batch` samples or more: of a batch of one
/// nothing is foretold.
BatchMemory measure_batches(int batch, std::uint64_t available, const BatchProbe& probe);

/// Throws Error when a batch surely takes more than the `available` bytes, with the batch that
/// would fit. Only what tensors take is counted, so that a little more than foretold is no reason.
/// `offloads`: whether the optimiser's state lies on disk already.
void require_fit(const BatchMemory& memory, int batch, std::uint64_t available,
                 bool offloads = false);

/// What takes less memory in a training beside a smaller batch, in words.
std::string less_memory(bool offloads);

}  // namespace sumi
