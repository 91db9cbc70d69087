#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "core/cgroup_memory.h"
#include "core/error.h"
#include "core/files.h"
#include "core/process_memory.h"
#include "core/scratch_memory.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::size_t kMany = std::size_t{32} << 20;

TEST(ScratchMemory, StartsWithZerosAndHasNoName) {
  const TemporaryDirectory folder;
  const ScratchMemory memory(folder.path(), 10'000);
  EXPECT_EQ(std::count(memory.data(), memory.data() + 10'000, std::byte{0}), 10'000);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(ScratchMemory, LetsItsPagesGoAndKeepsWhatTheyHeld) {
  const TemporaryDirectory folder;
  const ScratchMemory memory(folder.path(), kMany);
  const auto before = resident_memory_bytes();
  for (std::size_t i = 0; i < kMany; ++i) memory.data()[i] = static_cast<std::byte>(i * 7 >> 3);
  EXPECT_GT(resident_memory_bytes(), before + kMany / 2);
  release_mapped_pages(memory.data() + 100, kMany - 200);
  EXPECT_LT(resident_memory_bytes(), before + kMany / 2);
  memory.flush();
  fetch_mapped_pages(memory.data(), kMany);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kMany; ++i)
    wrong += memory.data()[i] != static_cast<std::byte>(i * 7 >> 3);
  EXPECT_EQ(wrong, 0u);
}

TEST(ScratchMemory, OutlivesTheObjectAsLongAsAViewDoes) {
  const TemporaryDirectory folder;
  std::shared_ptr<const void> owner;
  std::byte* data = nullptr;
  {
    const ScratchMemory memory(folder.path(), 5000);
    owner = memory.owner();
    data = memory.data();
    data[4999] = std::byte{9};
  }
  release_mapped_pages(data, 5000);
  EXPECT_EQ(data[4999], std::byte{9});
}

TEST(ScratchMemory, AFullDiskIsToldAtOnceAndLeavesNothing) {
  const TemporaryDirectory folder;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{1 << 20, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full);
  try {
    const ScratchMemory memory(folder.path(), 2 << 20);
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder.path().string() + ": reserving 2.1 MB"));
    EXPECT_THAT(error.hint(), HasSubstr("MB are free"));
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(ScratchMemory, AFolderThatIsNotThereIsNamed) {
  const TemporaryDirectory folder;
  try {
    const ScratchMemory memory(folder.path() / "missing", 100);
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr((folder.path() / "missing").string()));
  }
}

/// A made-up tree of control groups.
class Cgroups : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& text) {
    const fs::path file = mount_.path() / name;
    fs::create_directories(file.parent_path());
    write_file(file, text);
  }
  std::optional<CgroupMemory> found(const std::string& self) {
    put("self", self);
    return cgroup_memory(mount_.path() / "self", mount_.path());
  }
  TemporaryDirectory mount_;
};

TEST_F(Cgroups, WithoutALimitThereIsNothing) {
  EXPECT_FALSE(found(""));
  EXPECT_FALSE(found("0::/\n"));
  put("memory.max", "max\n");
  put("memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(found("4:memory:/\n0::/\n"));
  EXPECT_FALSE(found("no colons\n:\n4:memory\n"));
}

TEST_F(Cgroups, OfVersionTwoTheTightestCountsAndCachedFilesAreRoom) {
  put("a/memory.max", "1000000\n");
  put("a/memory.current", "900000\n");
  put("a/memory.stat", "anon 100\ninactive_file 300000\nactive_file 100000\nfile 9\n");
  put("a/b/memory.max", "5000000\n");
  put("a/b/memory.current", "10\n");
  const auto memory = found("0::/a/b\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->limit, 1000000u);
  EXPECT_EQ(memory->room, 500000u);
}

TEST_F(Cgroups, OfVersionOneTheMemoryControllerCounts) {
  put("memory/jobs/memory.limit_in_bytes", "2000000\n");
  put("memory/jobs/memory.usage_in_bytes", "1500000\n");
  put("memory/jobs/memory.stat", "inactive_file 7\ntotal_inactive_file 100000\n");
  const auto memory = found("3:cpuset:/\n9:cpu,memory:/jobs/17\n0::/\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->limit, 2000000u);
  EXPECT_EQ(memory->room, 600000u);
}

TEST_F(Cgroups, InAContainerTheMountsRootIsTheGroup) {
  put("memory.max", "4096\n");
  put("memory.current", "8192\n");  // over its limit: nothing is left
  const auto memory = found("0::/docker/0123\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->limit, 4096u);
  EXPECT_EQ(memory->room, 0u);
}

}  // namespace
}  // namespace sumi
