#include "pipelines/tuning.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "core/files.h"

namespace sumi {
namespace {

/// A cache of its own for each test.
class TuningTest : public testing::Test {
 protected:
  TuningTest() { setenv("SUMI_CACHE", folder_.path().c_str(), 1); }
  ~TuningTest() override { unsetenv("SUMI_CACHE"); }

  TemporaryDirectory folder_;
};

Tuning tuning(int width, bool own_size, const std::string& precision) {
  return {.model = "a model",
          .processor = "a processor",
          .width = width,
          .height = 64,
          .own_size = own_size,
          .threads = 3,
          .precision = precision,
          .batch_size = 2,
          .seconds = 0.5};
}

TEST_F(TuningTest, IsFoundByModelProcessorAndSize) {
  remember(tuning(64, true, "fp32"));
  remember(tuning(128, false, "int8"));
  ASSERT_TRUE(find_tuning("a model", "a processor", 128, 64));
  EXPECT_EQ(find_tuning("a model", "a processor", 128, 64)->precision, "int8");
  ASSERT_TRUE(find_tuning("a model", "a processor", 0, 0));
  EXPECT_EQ(find_tuning("a model", "a processor", 0, 0)->width, 64);
  EXPECT_FALSE(find_tuning("a model", "a processor", 64, 128));
  EXPECT_FALSE(find_tuning("another model", "a processor", 0, 0));
  EXPECT_FALSE(find_tuning("a model", "another processor", 0, 0));
}

TEST_F(TuningTest, TheLastWordCounts) {
  remember(tuning(64, true, "fp32"));
  remember(tuning(64, true, "int8"));
  EXPECT_EQ(find_tuning("a model", "a processor", 64, 64)->precision, "int8");
  EXPECT_EQ(forget_tuning("a model", "a processor"), 1);
  EXPECT_FALSE(find_tuning("a model", "a processor", 64, 64));
}

TEST_F(TuningTest, AMemoryThatCannotBeReadIsNone) {
  for (const char* text : {"", "[{\"threads\": 2}", "[{\"threads\": \"two\"}]", "{\"a\": 1}"}) {
    write_file(folder_.path() / "tuning.json", std::string_view(text));
    EXPECT_FALSE(find_tuning("a model", "a processor", 0, 0)) << text;
    remember(tuning(64, true, "fp32"));
    EXPECT_TRUE(find_tuning("a model", "a processor", 0, 0)) << text;
  }
}

TEST_F(TuningTest, AnotherFileUnderTheSameNameIsAnotherModel) {
  const auto file = folder_.path() / "model.safetensors";
  write_file(file, std::string_view("four"));
  const auto before = model_identity(file);
  EXPECT_EQ(model_identity(file), before);
  write_file(file, std::string_view("seventeen"));
  EXPECT_NE(model_identity(file), before);
}

}  // namespace
}  // namespace sumi
