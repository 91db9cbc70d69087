#include "training/batch_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace sumi {
namespace {

/// Growth below this may be a matter of which tensors are counted at all.
constexpr double kClear = 16 << 20;
/// A batch counts as too large from here on, in shares of what is available.
constexpr double kSurely = 1.2;

std::string gigabytes(double bytes) { return fmt::format("{:.1f} GB", bytes / 1e9); }

}  // namespace

BatchMemory measure_batches(int batch, std::uint64_t available, const BatchProbe& probe) {
  if (batch < 2 || available == 0) return {};
  double before = static_cast<double>(probe(1));
  BatchMemory memory{0, before};
  if (before >= kClear && memory.of(batch) < static_cast<double>(available) / 2) return memory;
  for (int count = 2; count < batch; count *= 2) {
    if (before >= kClear && memory.of(count) > static_cast<double>(available)) break;
    const double now = static_cast<double>(probe(count));
    memory.per_sample = std::max(0.0, now - before) / (count / 2);
    memory.fixed = std::max(0.0, now - memory.per_sample * count);
    if (now - before >= kClear) break;
    before = now;
  }
  return memory;
}

std::string less_memory(bool offloads) {
  return fmt::format("\"checkpoint_blocks\": true{} and smaller pictures take less",
                     offloads ? "" : ", \"trainer\": {\"offload\": \"optimiser\"}");
}

void require_fit(const BatchMemory& memory, int batch, std::uint64_t available, bool offloads) {
  const double taken = memory.of(batch), room = static_cast<double>(available);
  if (available == 0 || taken <= kSurely * room) return;
  const double fitting = std::floor((0.8 * room - memory.fixed) / memory.per_sample);
  const auto less = less_memory(offloads);
  throw Error(fmt::format("trainer.batch_size: {} samples at a time take {} or more, and {} of "
                          "memory are available",
                          batch, gigabytes(taken), gigabytes(room)),
              fitting >= 1 ? fmt::format("a batch_size of {:.0f} would fit, with a larger "
                                         "trainer.accumulation for the same updates; {}",
                                         fitting, less)
                           : less);
}

}  // namespace sumi
