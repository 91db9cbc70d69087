// Tensors in the arena: counted, valid beyond the pass that made them, given back.

#include "core/tensor_memory.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/process_memory.h"
#include "core/tensor.h"

namespace sumi {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

class TensorMemory : public testing::Test {
 protected:
  void SetUp() override {
    use_tensor_arena();
    const Tensor probe = torch::empty({kMiB}, torch::kByte);
    if (tensor_memory().live == 0) GTEST_SKIP() << "a sanitizer watches malloc here";
  }
};

TEST_F(TensorMemory, LargeTensorsAreCounted) {
  reset_tensor_peak();
  const auto before = tensor_memory().live;
  {
    const Tensor a = torch::ones({4 * kMiB}, torch::kByte), b = a + 1;
    EXPECT_EQ(tensor_memory().live, before + 8 * kMiB);
  }
  EXPECT_EQ(tensor_memory().live, before);
  EXPECT_EQ(tensor_memory().peak, before + 8 * kMiB);
}

TEST_F(TensorMemory, SmallAndEmptyTensorsDoNotUseIt) {
  const auto before = tensor_memory().live;
  const Tensor none = torch::empty({0}), few = torch::ones({100});
  EXPECT_EQ(tensor_memory().live, before);
  EXPECT_EQ(few.sum().item<float>(), 100);
}

TEST_F(TensorMemory, TensorsOutliveTheirThread) {
  Tensor made;
  std::thread([&] { made = torch::full({kMiB}, 3, torch::kFloat); }).join();
  const Tensor other = torch::zeros({kMiB});
  EXPECT_EQ(made.sum().item<float>(), 3.0f * kMiB);
}

TEST_F(TensorMemory, StorageMayGrow) {
  Tensor x = torch::arange(100'000);
  x.resize_({300'000});
  EXPECT_EQ(x[99'999].item<std::int64_t>(), 99'999);
}

TEST_F(TensorMemory, FreedMemoryGoesBackWhenAsked) {
  { const Tensor large = torch::ones({256 * kMiB}, torch::kByte); }
  const auto kept = resident_memory_bytes();
  return_freed_memory();
  EXPECT_LT(resident_memory_bytes() + 200 * kMiB, kept);
}

}  // namespace
}  // namespace sumi
