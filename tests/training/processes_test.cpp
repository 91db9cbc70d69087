// Several real processes on one machine. Its own program: LibTorch's backward pass does not survive
// a fork after its first use, so every computation here runs in a child process.
#include "training/processes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "team.h"
#include "training/randomness.h"

namespace sumi {
namespace {

using testing::Each;
using testing::ElementsAre;

Tensor noise(std::int64_t size, int seed) {
  return at::randn({size}, generator_of(static_cast<std::uint64_t>(seed)), torch::TensorOptions());
}

void need(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

/// Shards of unequal length, one of them empty.
std::vector<Range> ranges_of(std::int64_t size, int count) {
  std::vector<Range> ranges;
  for (int i = 0; i < count; ++i)
    ranges.push_back({i == 0 ? 0 : ranges.back().last, i == 1 ? ranges.back().last : size});
  for (int i = 0; i + 1 < count; ++i) {
    const std::int64_t last = i == 1 ? ranges[0].last : size * (i + 1) / (count + 1);
    ranges[static_cast<std::size_t>(i)].last = last;
    ranges[static_cast<std::size_t>(i) + 1].first = last;
  }
  return ranges;
}

TEST(Processes, AddUpAndShareInAFixedOrder) {
  for (const int count : {2, 3, 4}) {
    Team team(count, [=](const std::shared_ptr<Processes>& all) {
      constexpr std::int64_t kSize = 1000;
      std::vector<Tensor> rows;
      for (int i = 0; i < count; ++i) rows.push_back(noise(kSize, i));
      const Tensor expected = tree_sum(rows);
      Tensor flat = noise(kSize, all->rank());
      const auto ranges = ranges_of(kSize, count);
      for (int round = 0; round < 3; ++round) {
        flat.copy_(noise(kSize, all->rank()));
        all->add_to_owners(flat, ranges);
        const auto own = ranges[static_cast<std::size_t>(all->rank())];
        need(flat.narrow(0, own.first, own.size()).equal(expected.narrow(0, own.first, own.size())),
             "the own range is not the sum");
        all->share_from_owners(flat, ranges);
        need(flat.equal(expected), "the whole is not the sum");
      }
    });
    EXPECT_THAT(team.wait(), Each(0)) << team.error();
  }
}

TEST(Processes, ExchangeNumbersTextsAndTensors) {
  Team team(3, [](const std::shared_ptr<Processes>& all) {
    const int rank = all->rank();
    need(all->sums({1.0 * rank, 0.5}) == std::vector<double>{3, 1.5}, "sums");
    need(all->any(rank == 2) && !all->any(false), "any");
    need(all->text_of(1, "rank " + std::to_string(rank)) == "rank 1", "text");
    need(all->text_of(0, rank == 0 ? "" : "longer").empty(), "empty text");
    const Tensor sent = noise(12, 5).view({3, 4});
    need(all->from_first(rank == 0 ? sent : Tensor()).equal(sent), "tensor");
    const auto share = all->share_of(2 * rank);
    need(share.total == 6 && share.first == (rank == 2 ? 2 : 0), "share");
    const Tensor joined = all->joined_at_first(at::full({2 * rank}, 1.0f * rank));
    if (rank == 0)
      need(joined.equal(at::cat({at::full({2}, 1.0f), at::full({4}, 2.0f)})), "joined");
    else
      need(!joined.defined(), "joined elsewhere");
  });
  EXPECT_THAT(team.wait(), Each(0)) << team.error();
}

TEST(Processes, AnErrorInOneIsTheErrorOfAll) {
  Team team(3, [](const std::shared_ptr<Processes>& all) {
    all->together([&] {
      if (all->rank() > 0) throw Error(fmt::format("rank {} cannot", all->rank()), "help it");
    });
  });
  EXPECT_THAT(team.wait(), ElementsAre(2, 3, 3));
  EXPECT_EQ(team.error(), "rank 1 cannot");
}

TEST(Processes, AloneNothingIsSent) {
  Processes alone;
  Tensor flat = noise(8, 1);
  const Tensor before = flat.clone();
  const std::vector<Range> whole = {{0, 8}};
  alone.add_to_owners(flat, whole);
  alone.share_from_owners(flat, whole);
  EXPECT_TRUE(flat.equal(before));
  EXPECT_TRUE(alone.any(true));
  EXPECT_EQ(alone.text_of(0, "mine"), "mine");
  EXPECT_TRUE(alone.joined_at_first(flat).equal(flat));
}

TEST(TreeSum, OfBlocksIsTheTreeSumOfAll) {
  std::vector<Tensor> rows;
  for (int i = 0; i < 8; ++i) rows.push_back(noise(100, i));
  const auto copies = [&](std::size_t first, std::size_t last) {
    std::vector<Tensor> some;
    for (std::size_t i = first; i < last; ++i) some.push_back(rows[i].clone());
    return some;
  };
  const Tensor whole = tree_sum(copies(0, 8));
  for (const std::size_t blocks : {2u, 4u}) {
    std::vector<Tensor> sums;
    for (std::size_t i = 0; i < blocks; ++i)
      sums.push_back(tree_sum(copies(i * 8 / blocks, (i + 1) * 8 / blocks)));
    EXPECT_TRUE(tree_sum(sums).equal(whole)) << blocks;
  }
  EXPECT_FALSE(tree_sum(copies(0, 8)).equal(at::zeros({100})));
}

/// Ends when the machine is told otherwise: sets a variable for its lifetime.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(ProcessPlace, IsReadFromWhatTorchrunSets) {
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"})
    unsetenv(name);
  EXPECT_EQ(place_from_environment().count, 1);
  const Variable size("WORLD_SIZE", "4"), rank("RANK", "3"), local("LOCAL_RANK", "1"),
      local_size("LOCAL_WORLD_SIZE", "2"), timeout("SUMI_RANK_TIMEOUT", "30");
  {
    const Variable port("MASTER_PORT", "29500");
    EXPECT_THROW(place_from_environment(), Error);  // no MASTER_ADDR
    const Variable master("MASTER_ADDR", "10.0.0.1");
    const auto place = place_from_environment();
    EXPECT_EQ(place.count, 4);
    EXPECT_EQ(place.rank, 3);
    EXPECT_EQ(place.local_rank, 1);
    EXPECT_EQ(place.local_count, 2);
    EXPECT_EQ(place.port, 29500);
    EXPECT_EQ(place.master, "10.0.0.1");
    EXPECT_EQ(place.timeout_s, 30);
  }
  const Variable master("MASTER_ADDR", "10.0.0.1");
  for (const char* port : {"", "0", "65536", "http", "29500x"}) {
    const Variable wrong("MASTER_PORT", port);
    EXPECT_THROW(place_from_environment(), Error) << port;
  }
  const Variable port("MASTER_PORT", "29500");
  for (const char* wrong : {"4", "-1", "one"}) {
    const Variable too_high("RANK", wrong);
    EXPECT_THROW(place_from_environment(), Error) << wrong;
  }
}

}  // namespace
}  // namespace sumi
