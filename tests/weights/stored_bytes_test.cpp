// Checkpoints whose weights are bytes with scales: written, multiplied out, refused.

#include "core/stored_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "weights/checkpoint.h"
#include "weights/inventory.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

using testing::HasSubstr;

const std::string kWeight = "conv_in.weight";

Checkpoint with_bytes() {
  Checkpoint checkpoint;
  checkpoint.family = "sd1";
  auto& unet = checkpoint.components["unet"];
  unet[kWeight] = torch::randint(-127, 128, {6, 4, 3, 3}).to(torch::kChar);
  unet[scale_name(kWeight)] = torch::rand({6}) + 0.1;
  unet["conv_in.bias"] = torch::randn({6});
  checkpoint.configs["unet"] = {{"_class_name", "UNet2DConditionModel"}};
  return checkpoint;
}

Tensor floats_of(const Checkpoint& checkpoint) {
  const auto& unet = checkpoint.components.at("unet");
  return multiplied_out(unet.at(kWeight), unet.at(scale_name(kWeight)));
}

class StoredInt8 : public testing::Test {
 protected:
  std::filesystem::path target(const char* name) const { return folder_.path() / name; }
  static StateDict unet_in(const std::filesystem::path& folder) {
    return load_state_dict(folder / "unet" / "diffusion_pytorch_model.safetensors");
  }
  TemporaryDirectory folder_;
};

TEST_F(StoredInt8, BytesAndScalesAreKeptWhateverTheRestBecomes) {
  const auto checkpoint = with_bytes();
  save_diffusers_folder(target("kept"), checkpoint, DType::f16, StoredBytes::kept);
  const auto state = unet_in(target("kept"));
  const auto& unet = checkpoint.components.at("unet");
  EXPECT_TRUE(at::equal(state.at(kWeight), unet.at(kWeight)));
  EXPECT_TRUE(at::equal(state.at(scale_name(kWeight)), unet.at(scale_name(kWeight))));
  EXPECT_EQ(state.at("conv_in.bias").scalar_type(), torch::kHalf);
  const auto inventory = take_inventory(target("kept"));
  ASSERT_EQ(inventory.parts.size(), 1u);
  EXPECT_EQ(inventory.parts[0].int8_weights, 1u);
  EXPECT_EQ(inventory.parts[0].parameters, 6u * 4 * 9 + 6);
  const auto file =
      open_weight_file(target("kept") / "unet" / "diffusion_pytorch_model.safetensors");
  EXPECT_TRUE(file.metadata.contains("sumi.int8"));
}

TEST_F(StoredInt8, AreMultipliedOut) {
  const auto checkpoint = with_bytes();
  save_diffusers_folder(target("plain"), checkpoint);
  const auto state = unet_in(target("plain"));
  EXPECT_EQ(state.size(), 2u);
  EXPECT_TRUE(at::equal(state.at(kWeight), floats_of(checkpoint)));
  save_diffusers_folder(target("half"), checkpoint, DType::bf16);
  EXPECT_TRUE(
      at::equal(unet_in(target("half")).at(kWeight), floats_of(checkpoint).to(torch::kBFloat16)));
}

TEST_F(StoredInt8, SingleFilesHoldThemMultipliedOut) {
  const auto checkpoint = with_bytes();
  EXPECT_THROW(save_single_file(target("a.safetensors"), checkpoint), Error);
  EXPECT_FALSE(std::filesystem::exists(target("a.safetensors")));
  save_single_file(target("b.safetensors"), checkpoint, DType::f32);
  const auto state = load_state_dict(target("b.safetensors"));
  ASSERT_EQ(state.size(), 2u);
  EXPECT_TRUE(
      at::equal(state.at("model.diffusion_model.input_blocks.0.0.weight"), floats_of(checkpoint)));
}

TEST_F(StoredInt8, BrokenScalesAreRefused) {
  auto checkpoint = with_bytes();
  auto& unet = checkpoint.components["unet"];
  const auto problem = [&](const char* name) -> std::string {
    try {
      save_diffusers_folder(target(name), checkpoint, DType::f32);
    } catch (const Error& error) {
      EXPECT_FALSE(std::filesystem::exists(target(name)));
      return error.what();
    }
    return "";
  };
  unet[scale_name(kWeight)] = torch::rand({5});
  EXPECT_THAT(problem("a"), HasSubstr("conv_in.weight_scale is [5]"));
  unet[scale_name(kWeight)] = torch::full({6}, std::nanf(""));
  EXPECT_THAT(problem("b"), HasSubstr("NaN"));
  unet.erase(scale_name(kWeight));
  EXPECT_THAT(problem("c"), HasSubstr("conv_in.weight_scale is missing"));
}

}  // namespace
}  // namespace sumi
