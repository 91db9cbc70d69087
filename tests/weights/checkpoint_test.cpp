#include "weights/checkpoint.h"

#include <gmock/gmock.h>

#include "core/files.h"
#include "expect_error.h"
#include "weights/safetensors.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Every name of a table with a small tensor of random numbers in a shape that fits its change.
StateDict single_file(const KeyTable& table) {
  torch::manual_seed(1);
  StateDict state;
  for (const KeyPair& pair : table.pairs()) {
    // Buffers of other text towers than the table's own would hide the family.
    if (pair.component == "unused" && pair.theirs.starts_with("cond_stage_model.")) continue;
    std::vector<std::int64_t> shape = {6};
    if (pair.change == KeyChange::matrix) shape = {3, 2, 1, 1};
    if (pair.change == KeyChange::transposed) shape = {3, 2};
    if (pair.theirs.ends_with("proj_in.weight") && &table != &sd2_single_file())
      shape = {2, 2, 1, 1};
    if (pair.theirs.ends_with("proj_in.weight") && &table == &sd2_single_file()) shape = {2, 2};
    if (!state.contains(pair.theirs)) state.emplace(pair.theirs, torch::randn(shape));
  }
  return state;
}

void expect_equal(const StateDict& a, const StateDict& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    ASSERT_TRUE(b.contains(name)) << name;
    EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
    EXPECT_EQ(tensor.dtype(), b.at(name).dtype()) << name;
  }
}

class CheckpointTest : public testing::Test {
 protected:
  fs::path at(const std::string& name) { return folder_.path() / name; }
  TemporaryDirectory folder_;
};

TEST_F(CheckpointTest, TensorsLieInTheMapping) {
  const StateDict saved = {{"a", torch::randn({4, 3})},
                           {"b", torch::randn({5}).to(torch::kHalf)},
                           {"c", torch::tensor(7)}};
  save_state_dict(at("x"), saved, {{"note", "n"}});
  StateDict state;
  {
    const WeightFile file = open_weight_file(at("x"));
    EXPECT_EQ(file.metadata.at("note"), "n");
    state = to_state_dict(file);
    EXPECT_EQ(state.at("a").data_ptr(),
              static_cast<const void*>(file.tensors.at("a").bytes.data()));
  }
  expect_equal(saved, state);  // the mapping lives on in the tensors
}

TEST_F(CheckpointTest, MisalignedTensorsAreCopied) {
  const std::string bytes("\0\0\0\x80\x3f", 5);
  const TensorView view{DType::f32, {1}, std::as_bytes(std::span(bytes)).subspan(1)};
  EXPECT_EQ(to_tensor(view, nullptr).item<float>(), 1.0f);
}

TEST_F(CheckpointTest, NonContiguousTensorsAreSaved) {
  const Tensor matrix = torch::randn({4, 3});
  save_state_dict(at("x"), {{"t", matrix.t()}});
  EXPECT_TRUE(torch::equal(load_state_dict(at("x")).at("t"), matrix.t()));
  EXPECT_THROW(save_state_dict(at("x"), {{"c", torch::zeros({2}, torch::kComplexFloat)}}), Error);
}

TEST_F(CheckpointTest, SingleFilesComeBackTheSame) {
  for (const KeyTable* table : {&sd1_single_file(), &sd2_single_file(), &vae_single_file()}) {
    const StateDict theirs = single_file(*table);
    save_state_dict(at("in"), theirs);
    save_single_file(at("out"), open_checkpoint(at("in")));
    expect_equal(theirs, load_state_dict(at("out")));
  }
}

TEST_F(CheckpointTest, FusedAndTransposedTensors) {
  StateDict theirs = single_file(sd2_single_file());
  const std::string fused = "cond_stage_model.model.transformer.resblocks.5.attn.in_proj_weight";
  theirs[fused] = torch::arange(12).to(torch::kFloat).view({6, 2});
  theirs["cond_stage_model.model.text_projection"] =
      torch::arange(6).to(torch::kFloat).view({2, 3});
  save_state_dict(at("in"), theirs);
  const StateDict text = open_checkpoint(at("in")).components.at("text_encoder");
  EXPECT_TRUE(torch::equal(text.at("text_model.encoder.layers.5.self_attn.k_proj.weight"),
                           theirs[fused].narrow(0, 2, 2)));
  EXPECT_TRUE(torch::equal(text.at("text_projection.weight"),
                           theirs["cond_stage_model.model.text_projection"].t()));
}

TEST_F(CheckpointTest, DTypesOnTheWayOut) {
  StateDict theirs = single_file(sd1_single_file());
  save_state_dict(at("in"), theirs);
  const Checkpoint checkpoint = open_checkpoint(at("in"));
  save_single_file(at("half"), checkpoint, DType::f16);
  const StateDict half = load_state_dict(at("half"));
  const std::string name = "model.diffusion_model.out.2.weight";
  EXPECT_TRUE(torch::equal(half.at(name), theirs.at(name).to(torch::kHalf)));
  EXPECT_EQ(half.at("betas").scalar_type(), torch::kFloat) << "buffers keep their type";

  theirs[name] = torch::full({6}, 70000.0f);
  save_state_dict(at("in"), theirs);
  EXPECT_THAT(
      error_of([&] { save_single_file(at("half"), open_checkpoint(at("in")), DType::f16); }),
      HasSubstr("beyond the range of float16"));
  expect_equal(half, load_state_dict(at("half")));  // the old file is untouched
  save_single_file(at("bf16"), open_checkpoint(at("in")), DType::bf16);
  EXPECT_EQ(load_state_dict(at("bf16")).at(name).scalar_type(), torch::kBFloat16);
}

TEST_F(CheckpointTest, FoldersComeBackTheSame) {
  save_state_dict(at("in"), single_file(sd2_single_file()));
  Checkpoint checkpoint = open_checkpoint(at("in"));
  EXPECT_THAT(error_of([&] { save_diffusers_folder(at("out"), checkpoint); }), HasSubstr("config"));
  checkpoint.configs["unet"] = {{"_class_name", "UNet2DConditionModel"}};
  checkpoint.configs["vae"] = {{"_class_name", "AutoencoderKL"}};
  checkpoint.configs["text_encoder"] = {{"num_hidden_layers", 23},
                                        {"architectures", {"CLIPTextModel"}}};
  checkpoint.configs["scheduler"] = {{"_class_name", "DDIMScheduler"}};
  fs::create_directory(at("words"));
  write_file(at("words/vocab.json"), std::string_view("{}"));
  checkpoint.tokenizer_folder = at("words");
  save_diffusers_folder(at("out"), checkpoint);

  const Checkpoint back = open_checkpoint(at("out"));
  EXPECT_EQ(back.family, "sd2");
  expect_equal(checkpoint.components.at("unet"), back.components.at("unet"));
  expect_equal(checkpoint.components.at("vae"), back.components.at("vae"));
  const StateDict& text = back.components.at("text_encoder");
  EXPECT_TRUE(text.contains("text_model.encoder.layers.22.layer_norm1.bias"));
  EXPECT_FALSE(text.contains("text_model.encoder.layers.23.layer_norm1.bias"))
      << "the config has 23 layers";
  EXPECT_FALSE(text.contains("text_projection.weight"));
  EXPECT_TRUE(fs::exists(back.tokenizer_folder / "vocab.json"));
  EXPECT_EQ(back.configs.at("scheduler"), checkpoint.configs.at("scheduler"));

  EXPECT_THAT(error_of([&] { save_diffusers_folder(at("out"), checkpoint); }),
              HasSubstr("already exists"));
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_THAT(entry.path().string(), testing::Not(HasSubstr("partial")));
}

TEST_F(CheckpointTest, WeightsWithoutAPlaceAreNotLost) {
  save_state_dict(at("in"), single_file(sd1_single_file()));
  Checkpoint checkpoint = open_checkpoint(at("in"));
  checkpoint.components["unet"]["down_blocks.7.resnets.0.norm1.weight"] = torch::zeros({2});
  EXPECT_THAT(error_of([&] { save_single_file(at("out"), checkpoint); }),
              HasSubstr("have no place"));
  EXPECT_FALSE(fs::exists(at("out")));
}

}  // namespace
}  // namespace sumi
