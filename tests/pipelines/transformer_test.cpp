// Pictures by a transformer: a diffusers folder as training writes it, with the recorded tiny
// model's text tower and autoencoder and a small transformer of random weights.
#include <gmock/gmock.h>

#include <cstdlib>

#include "core/error.h"
#include "core/files.h"
#include "media/compare.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"
#include "training/export.h"
#include "weights/checkpoint.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return torch::randn(shape, at::detail::createCPUGenerator(seed));
}

MMDiTConfig small(int text_width) {
  MMDiTConfig c;
  c.sample_size = 8;
  c.in_channels = c.out_channels = 4;
  c.num_layers = 3;
  c.attention_head_dim = 16;
  c.num_attention_heads = 2;
  c.caption_projection_dim = 32;
  c.joint_attention_dim = c.pooled_projection_dim = text_width;
  c.pos_embed_max_size = 6;
  c.qk_norm = "rms_norm";
  return c;
}

void write_transformer(const fs::path& folder, const MMDiTConfig& config) {
  MMDiT network(config);
  initialise(network, 1);
  StateDict state;
  std::uint64_t seed = 0;
  for (const auto& [path, tensor] : state_of(network))
    state[path] = tensor + 0.2 * drawn(tensor.sizes(), ++seed);
  bind(network, state, "random");
  write_component(folder / "transformer", "diffusion_pytorch_model.safetensors", network,
                  published(config), "fp32");
}

/// Rectified flow as a recipe describes it.
ScheduleConfig flow(double shift) {
  ScheduleConfig process;
  process.beta_schedule = process.prediction_type = "flow";
  process.shift = shift;
  return process;
}

void write_model(const fs::path& folder) {
  fs::copy(fs::path(SUMI_SOURCE_DIR) / "tests/reference/data/models/sd15_tiny/diffusers", folder,
           fs::copy_options::recursive);
  fs::remove_all(folder / "unet");
  const auto text =
      read_clip_text_config(read_json(folder / "text_encoder" / "config.json"), "text_encoder");
  write_transformer(folder, small(text.hidden_size));
  write_file(folder / "scheduler" / "scheduler_config.json", published(flow(2)).dump());
  write_file(folder / "model_index.json", model_index("transformer", flow(2)).dump());
}

class ByTransformer : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryDirectory;
    write_model(folder_->path() / "model");
    Runtime one_thread;
    one_thread.threads = 1;
    models_ = new std::shared_ptr<ModelSet>(load_models(request(), one_thread));
  }
  static void TearDownTestSuite() {
    delete models_;
    delete folder_;
  }
  static fs::path folder() { return folder_->path(); }
  static ModelSet& models() { return **models_; }

  static GenerateRequest request() {
    GenerateRequest r;
    r.model = (folder() / "model").string();
    r.prompt = "a red apple";
    r.negative_prompt = "blurry";
    r.seed = 3;
    r.steps = 4;
    r.width = r.height = 64;
    r.precision = "fp32";
    return r;
  }
  static Image picture(const GenerateRequest& r) {
    return generate(models(), std::vector{r}, {}).at(0).image;
  }
  static std::string complaint(const GenerateRequest& r) {
    try {
      picture(r);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  static inline TemporaryDirectory* folder_ = nullptr;
  static inline std::shared_ptr<ModelSet>* models_ = nullptr;
};

TEST_F(ByTransformer, TheFolderSaysHowItIsSampled) {
  EXPECT_EQ(models().schedule.beta_schedule, "flow");
  EXPECT_EQ(models().schedule.prediction_type, "flow");
  EXPECT_EQ(models().schedule.shift, 2);
  EXPECT_EQ(models().defaults.sampler, "Euler");
  EXPECT_EQ(models().defaults.width, 64);
  EXPECT_TRUE(models().network.is_transformer());
}

TEST_F(ByTransformer, ListensToPromptSeedAndGuidance) {
  const Image plain = picture(request());
  EXPECT_EQ(max_difference(picture(request()), plain), 0);
  auto r = request();
  r.prompt = "a blue fish";
  EXPECT_GT(max_difference(picture(r), plain), 0);
  r = request();
  r.seed = 4;
  EXPECT_GT(max_difference(picture(r), plain), 0);
  r = request();
  r.guidance_scale = 1;
  EXPECT_GT(max_difference(picture(r), plain), 0);
}

TEST_F(ByTransformer, EverySamplerAndShape) {
  for (const char* sampler : {"Euler", "Heun", "DPM++ 2M", "DDIM", "Euler a"}) {
    auto r = request();
    r.sampler = sampler;
    EXPECT_EQ(picture(r).width, 64) << sampler;
  }
  // 3 x 9 latents: neither is a multiple of a patch.
  auto r = request();
  r.width = 24;
  r.height = 72;
  const Image tall = picture(r);
  EXPECT_EQ(tall.width, 24);
  EXPECT_EQ(tall.height, 72);
}

TEST_F(ByTransformer, APictureDoesNotDependOnItsBatch) {
  std::string words = "a red apple";
  for (int i = 0; i < 80; ++i) words += ", apple";
  std::vector<GenerateRequest> requests(4, request());
  requests[1].prompt = words;  // two chunks of tokens
  requests[2].prompt = "[a dog|a cat] on a [red:green:0.5] background";
  requests[3].negative_prompt = requests[3].prompt;
  for (auto& r : requests) {
    r.seed += &r - requests.data();
    r.step_cache = 2;
    r.batch_size = 4;
  }
  const auto together = generate(models(), requests, {});
  ASSERT_EQ(together.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_LE(max_difference(together[i].image, picture(requests[i])), 1) << i;
}

TEST_F(ByTransformer, StepCacheComputesTheFirstBlockAlone) {
  auto r = request();
  r.steps = 12;
  const Image plain = picture(r);
  r.step_cache = 1;
  EXPECT_EQ(max_difference(picture(r), plain), 0);
  r.step_cache = 2;
  const double near_db = psnr_db(picture(r), plain);
  r.step_cache = 6;
  const double far_db = psnr_db(picture(r), plain);
  EXPECT_LT(near_db, 90);  // it did something
  EXPECT_GT(near_db, far_db);
}

TEST_F(ByTransformer, SaysWhatItCannotDo) {
  auto r = request();
  r.token_merging = 0.5;
  EXPECT_THAT(complaint(r), HasSubstr("token merging"));
  r = request();
  r.width = 104;  // 6 patches of 2 latents of 8 pixels are 96
  EXPECT_THAT(complaint(r), HasSubstr("96 x 96"));
  r.width = 64;
  r.hires_scale = 2;
  EXPECT_THAT(complaint(r), HasSubstr("96 x 96"));
}

TEST_F(ByTransformer, AnotherLayoutDrawsTheSamePicture) {
  const Image plain = picture(request());
  const auto copy = folder() / "copy";
  save_diffusers_folder(copy, open_checkpoint(folder() / "model"));
  auto r = request();
  r.model = copy.string();
  EXPECT_EQ(max_difference(generate(*load_models(r, {}), std::vector{r}, {}).at(0).image, plain),
            0);

  const auto single = folder() / "single.safetensors";
  const auto whole = open_checkpoint(folder() / "model");
  save_single_file(single, whole);
  const auto again = open_checkpoint(single);
  for (const auto& [component, state] : whole.components)
    for (const auto& [name, tensor] : state)
      EXPECT_TRUE(torch::equal(again.components.at(component).at(name), tensor)) << name;
}

TEST_F(ByTransformer, OtherTextSidesAreRefused) {
  const auto refusal = [](const fs::path& model) {
    try {
      load_model_set(model.string(), "", torch::kCPU);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto wrong = folder() / "wrong", three = folder() / "three";
  write_model(wrong);
  write_transformer(wrong, small(40));
  EXPECT_THAT(refusal(wrong), HasSubstr("text of width 40 and 40"));
  write_model(three);
  Json index = read_json(three / "model_index.json");
  index["text_encoder_2"] = index["text_encoder"];
  fs::copy(three / "text_encoder", three / "text_encoder_2");
  write_file(three / "model_index.json", index.dump());
  EXPECT_THAT(refusal(three), HasSubstr("three text encoders"));
}

}  // namespace
}  // namespace sumi
