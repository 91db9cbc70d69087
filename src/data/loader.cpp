#include "data/loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace sumi {

void Damage::add(const Damage& more) {
  constexpr std::size_t kNamed = 50;
  count += more.count;
  const auto kept = std::min(more.names.size(), kNamed - std::min(kNamed, names.size()));
  names.insert(names.end(), more.names.begin(),
               more.names.begin() + static_cast<std::ptrdiff_t>(kept));
}

Loader::Loader(SampleSource source, const LoaderOptions& options, std::uint64_t start,
               std::uint64_t damaged)
    : source_(std::move(source)), options_(options), taken_(start), started_(start) {
  damage_.count = damaged;
  if (options_.batch_size < 1)
    throw Error("a batch needs at least one sample", "choose a batch size of 1 or more");
  if (options_.threads < 1)
    throw Error("a loader needs at least one thread", "choose 1 thread or more");
  ring_.resize(static_cast<std::size_t>(std::max(options_.ahead, options_.batch_size)));
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  freed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

Loader::Made Loader::make(std::uint64_t index) const {
  Made made;
  try {
    made.sample = source_(index);
  } catch (const Error& error) {
    made.complaint = error.what();
  } catch (...) {
    made.failure = std::current_exception();
  }
  made.ready = true;
  return made;
}

void Loader::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    freed_.wait(lock, [&] { return stopping_ || started_ < taken_ + ring_.size(); });
    if (stopping_) return;
    const auto index = started_++;
    lock.unlock();
    auto made = make(index);
    lock.lock();
    ring_[index % ring_.size()] = std::move(made);
    made_.notify_one();
  }
}

Loader::Made Loader::take() {
  std::unique_lock lock(mutex_);
  auto& slot = ring_[taken_ % ring_.size()];
  made_.wait(lock, [&] { return slot.ready; });
  Made made = std::move(slot);
  slot = Made{};
  ++taken_;
  lock.unlock();
  freed_.notify_one();
  return made;
}

/// Counts a damaged sample; throws Error when there are too many.
void Loader::note(SampleBatch& batch, const std::string& damaged) {
  const Damage one{1, {damaged}};
  batch.damage.add(one);
  damage_.add(one);
  if (damage_.count <= static_cast<std::uint64_t>(std::max(0, options_.tolerated)) ||
      static_cast<double>(damage_.count) <= options_.max_damaged * static_cast<double>(taken_))
    return;
  throw Error(
      fmt::format("{} of {} samples are damaged, the last: {}", damage_.count, taken_, damaged),
      "check the pictures, or fetch the sources again; trainer.max_damaged in a recipe is the "
      "share that is let pass");
}

SampleBatch Loader::next() {
  SampleBatch batch;
  while (batch.samples.size() < static_cast<std::size_t>(options_.batch_size)) {
    const auto index = taken_;
    const auto named = [&](const std::string& why) {
      return fmt::format("sample {}: {}", index, why);
    };
    auto made = take();
    if (made.failure) std::rethrow_exception(made.failure);
    if (!made.sample && options_.in_place)
      throw Error(named(made.complaint), "check the pictures, or fetch the sources again");
    if (!made.sample) {
      note(batch, named(made.complaint));
      continue;
    }
    for (const auto& why : made.sample->passed_over) note(batch, named(why));
    batch.samples.push_back(std::move(*made.sample));
  }
  batch.next_index = taken_;
  return batch;
}

Loader::SampleSource samples_of(const Dataset& dataset) {
  return [&dataset](std::uint64_t index) { return dataset.at(index); };
}

Loader::SampleSource samples_of(const Dataset& dataset, std::shared_ptr<const BucketOrder> order) {
  return [&dataset, order = std::move(order)](std::uint64_t index) {
    return dataset.at(*order, index);
  };
}

}  // namespace sumi
