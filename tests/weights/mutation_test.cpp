// Thousands of damaged files, the same in every run: each is read or refused with an Error, within
// bounds.

#include "core/error.h"
#include "craft.h"
#include "gtest/gtest.h"
#include "mutants.h"
#include "seeds.h"
#include "weights/pickle.h"
#include "weights/weight_file.h"

namespace sumi {
namespace {

/// Reads every byte of every tensor, so that a view outside of its memory shows under
/// AddressSanitizer.
unsigned touch(const WeightFile& file) {
  unsigned sum = 0;
  for (const auto& [name, view] : file.tensors) {
    EXPECT_EQ(static_cast<std::uint64_t>(element_count(view)) * size_of(view.dtype),
              view.bytes.size());
    for (const std::byte byte : view.bytes) sum += static_cast<unsigned>(byte);
  }
  return sum;
}

/// Damage of weight files is mostly found.
template <class Read>
void run(const std::vector<std::string>& seeds, int count, unsigned seed, Read&& read) {
  const auto tally = read_mutants(seeds, count, seed, read);
  expect_both_ends(tally);
  EXPECT_GT(tally.refused, count / 4);
}

void read_whole(const std::string& file) { touch(read_weights(craft::as_bytes(file), "mutant")); }

TEST(Mutants, Safetensors) { run(craft::seed_safetensors(), 8000, 1, read_whole); }

TEST(Mutants, Zip) { run(craft::seed_zips(), 4000, 2, read_whole); }

TEST(Mutants, Legacy) { run(craft::seed_legacy(), 4000, 3, read_whole); }

TEST(Mutants, Pickle) {
  run(craft::seed_pickles(), 8000, 4,
      [](const std::string& file) { read_pickle(craft::as_bytes(file), "mutant"); });
}

TEST(Mutants, PickleInAnArchive) {
  run({craft::seed_pickles().front()}, 4000, 5,
      [](const std::string& pickle) { read_whole(craft::archive_around(pickle)); });
}

}  // namespace
}  // namespace sumi
