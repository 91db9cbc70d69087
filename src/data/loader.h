#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "data/dataset.h"

namespace sumi {

struct LoaderOptions {
  int batch_size = 16;
  int threads = 1;           ///< makers of samples beside the caller
  int ahead = 64;            ///< samples made before they are asked for, at least a batch
  double max_damaged = 0.2;  ///< share of damaged samples above which loading stops
  int tolerated = 16;        ///< so many damaged samples are never too many
  bool in_place = false;  ///< the source puts others in place of damaged ones; its Error ends all
};

/// Samples that could not be made.
struct Damage {
  std::uint64_t count = 0;
  std::vector<std::string> names;  ///< of the first 50: "sample INDEX: why"

  void add(const Damage& more);

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count, "samples that were left out");
    visit("names", self.names, "the first of them, and why");
  }
};

/// Samples in the order of their indices.
struct SampleBatch {
  std::vector<Sample> samples;
  Damage damage;                 ///< left out between the batch before and the end of this one
  std::uint64_t next_index = 0;  ///< where the following batch starts
};

/// Makes batches ahead of their use, in threads of its own. Whatever their number, batches hold the
/// samples of indices start, start+1, … in order; damaged ones are left out and counted. Where the
/// source replaces them, they are counted all the same, and every index gives a sample.
class Loader {
 public:
  /// `source` is called from several threads; it throws Error for a damaged sample.
  using SampleSource = std::function<Sample(std::uint64_t index)>;

  /// `damaged` of the samples before `start` were left out. Both together are all that resume needs
  /// to go on, and to stop for too many, as if the loader had made those samples too.
  Loader(SampleSource source, const LoaderOptions& options, std::uint64_t start = 0,
         std::uint64_t damaged = 0);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Waits for the next whole batch. Throws Error when too many samples are damaged, and rethrows
  /// what else the source threw.
  SampleBatch next();

  /// The index the next batch starts at.
  std::uint64_t position() const { return taken_; }
  /// What was left out so far, with what was left out before `start`, which has no names here.
  const Damage& damage() const { return damage_; }

 private:
  struct Made {
    std::optional<Sample> sample;
    std::string complaint;
    std::exception_ptr failure;
    bool ready = false;
  };

  Made make(std::uint64_t index) const;
  void work();
  Made take();
  void note(SampleBatch& batch, const std::string& damaged);

  SampleSource source_;
  LoaderOptions options_;
  std::uint64_t taken_ = 0;    ///< first index not yet handed out; only the caller writes it
  std::uint64_t started_ = 0;  ///< first index no thread has begun
  bool stopping_ = false;
  std::vector<Made> ring_;  ///< sample i lies at i mod size
  Damage damage_;
  mutable std::mutex mutex_;
  std::condition_variable made_, freed_;
  std::vector<std::thread> threads_;
};

/// A loader's source that draws from a dataset, which must outlive it.
Loader::SampleSource samples_of(const Dataset& dataset);

/// The same in an order of buckets, for a loader that reads `in_place`.
Loader::SampleSource samples_of(const Dataset& dataset, std::shared_ptr<const BucketOrder> order);

}  // namespace sumi
