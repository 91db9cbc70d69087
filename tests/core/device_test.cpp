// Where to compute: what cannot be had is an Error that says so, on machines with and without GPUs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/gpus.h"
#include "core/tensor.h"

namespace sumi {
namespace {

Runtime on(const std::string& device) {
  Runtime runtime;
  runtime.device = device;
  runtime.threads = 1;
  return runtime;
}

std::string refusal(const std::string& device) {
  try {
    start_torch(on(device));
  } catch (const Error& error) {
    return std::string(error.what()) + " / " + error.hint();
  }
  return "";
}

TEST(Device, TheProcessorIsAlwaysThere) { EXPECT_TRUE(start_torch(on("cpu")).is_cpu()); }

TEST(Device, AnUnknownOneIsRefused) {
  EXPECT_THAT(refusal("abacus"), testing::HasSubstr("use cpu, cuda or cuda:N"));
}

TEST(Device, EachGpuThatIsFoundIsTaken) {
  for (int i = 0; i < gpu_count(); ++i)
    EXPECT_EQ(start_torch(on("cuda:" + std::to_string(i))).index(), i);
}

TEST(Device, AGpuThatIsNotThereIsRefused) {
  const std::string next = "cuda:" + std::to_string(gpu_count());
  if (!has_cuda())
    EXPECT_THAT(refusal(next), testing::HasSubstr("no CUDA"));
  else if (gpu_count() == 0)
    EXPECT_THAT(refusal(next), testing::HasSubstr("finds no GPU"));
  else
    EXPECT_THAT(refusal(next), testing::HasSubstr("there is no GPU"));
}

}  // namespace
}  // namespace sumi
