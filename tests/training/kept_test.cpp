#include <gmock/gmock.h>

#include <cstdlib>

#include "core/error.h"
#include "core/files.h"
#include "data/disk_cache.h"
#include "media/image.h"
#include "models/vae.h"
#include "smallest.h"
#include "training/autoencoder_task.h"
#include "training/export.h"
#include "training/kept_tensors.h"
#include "training/train.h"
#include "weights/weight_file.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

/// Pictures of three shapes with captions and licences, an autoencoder that knows nothing, and a
/// cache of their own.
class Kept : public testing::Test {
 protected:
  Kept() {
    setenv("SUMI_CACHE", (folder_.path() / "cache").c_str(), 1);
    fs::create_directories(folder_.path() / "cache");
    fs::create_directories(folder_.path() / "pictures");
    for (int i = 0; i < 18; ++i) {
      const int width = i % 3 == 0 ? 24 : i % 3 == 1 ? 36 : 30, height = i % 3 == 1 ? 24 : 32;
      Image picture{width, height, 3, {}};
      for (int k = 0; k < width * height * 3; ++k)
        picture.pixels.push_back(static_cast<std::uint8_t>(k * (i + 3)));
      const auto file = folder_.path() / "pictures" / fmt::format("p{:02}", i);
      save_image(file.string() + ".png", picture);
      write_file(
          file.string() + ".json",
          fmt::format(R"({{"caption": "pattern {}", "licence": "CC0-1.0", "author": "A{}"}})", i,
                      i % 2));
    }
    const auto recipe = smallest("autoencoder", "");
    AutoencoderKL autoencoder(recipe.vae);
    initialise(autoencoder, 1);
    write_component(folder_.path() / "vae", "diffusion_pytorch_model.safetensors", autoencoder,
                    published(recipe.vae), "fp32");
  }
  ~Kept() override { unsetenv("SUMI_CACHE"); }

  void set_world(const Json& extra) {
    Json world = {
        {"folders", Json::array({{{"path", "pictures"}}})}, {"size_px", 32}, {"split", "scorer"}};
    world.update(extra);
    write_file(folder_.path() / "world.json", world.dump());
  }

  /// Trains; all weights and the log, as bytes.
  std::map<std::string, std::string> trained(const std::string& name, int cache_mb,
                                             bool stop_halfway = false) {
    auto recipe = smallest("text_to_image", (folder_.path() / "world.json").string());
    recipe.autoencoder = "..";
    recipe.text_encoder_rate = 0;
    recipe.objective.shuffle_tags = false;
    recipe.objective.caption_dropout = 0.2;
    recipe.cache_mb = cache_mb;
    recipe.trainer.samples = 96;
    recipe.trainer.profile_every = 0;
    recipe.trainer.result_profile = 0;
    recipe.validation_samples = 8;
    const auto output = folder_.path() / name;
    Runtime runtime;
    runtime.threads = 1;
    if (stop_halfway) {
      TrainCallbacks callbacks;
      callbacks.progress = [&](const ProgressState& state) {
        if (state.what.starts_with("training") && state.done >= 40) runtime.cancel.request();
      };
      EXPECT_THROW(train(recipe, output, runtime, callbacks), Cancelled);
      runtime.cancel = {};
    }
    train(recipe, output, runtime);
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(output / "model"))
      if (entry.is_regular_file())
        files[entry.path().lexically_relative(output).string()] = read_text_file(entry.path());
    files["log"] = read_text_file(output / "log.jsonl");
    return files;
  }

  TemporaryDirectory folder_;
};

void expect_same(const std::map<std::string, std::string>& made,
                 const std::map<std::string, std::string>& wanted) {
  ASSERT_EQ(made.size(), wanted.size());
  for (const auto& [name, content] : wanted) EXPECT_TRUE(made.at(name) == content) << name;
}

TEST_F(Kept, TrainingHasTheSameBitsWithoutCacheColdWarmDamagedAndResumed) {
  for (const Json& extra : {Json{{"framing", {{"flips", 0.5}, {"variants", 2}}}},
                            Json{{"buckets", {{"step_px", 8}, {"max_aspect", 2}}}}}) {
    set_world(extra);
    const auto name = extra.begin().key();
    const auto plain = trained(name + "-plain", 0);
    EXPECT_TRUE(cache_uses(folder_.path() / "cache").empty());
    expect_same(trained(name + "-cold", 10), plain);
    const auto uses = cache_uses(folder_.path() / "cache");
    ASSERT_EQ(uses.size(), 2u);
    EXPECT_GT(uses[0].files, 10u);
    EXPECT_GT(uses[1].files, 10u);
    expect_same(trained(name + "-warm", 10), plain);
    EXPECT_EQ(cache_uses(folder_.path() / "cache")[0].files, uses[0].files);
    int damaged = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path() / "cache" / "kept")) {
      if (entry.path().extension() != ".kept") continue;
      auto bytes = read_text_file(entry.path());
      bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 4);
      if (++damaged % 2 == 0) write_file(entry.path(), bytes);
    }
    expect_same(trained(name + "-damaged", 10), plain);
    expect_same(trained(name + "-resumed", 10, true), plain);
    clear_caches(folder_.path() / "cache");
  }
}

TEST_F(Kept, AnotherAutoencoderIsAnotherCache) {
  const auto recipe = smallest("autoencoder", "");
  AutoencoderKL one(recipe.vae), two(recipe.vae);
  initialise(one, 1);
  initialise(two, 1);
  EXPECT_EQ(network_hash(one, {}), network_hash(two, {}));
  EXPECT_NE(network_hash(one, {}), network_hash(two, {{"scaling_factor", 2}}));
  initialise(two, 2);
  EXPECT_NE(network_hash(one, {}), network_hash(two, {}));
}

TEST_F(Kept, RefusedWhereNothingComesTwice) {
  set_world({{"framing", {{"flips", 0.5}}}});
  try {
    trained("endless", 10);
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("framing.variants"));
  }
  set_world({{"buckets", {{"step_px", 9}, {"max_aspect", 2}}}});
  EXPECT_THROW(trained("odd", 0), Error);
}

TEST_F(Kept, TheModelSaysWhatItWasTrainedOn) {
  set_world(Json::object());
  const auto files = trained("told", 0);
  const auto& card = files.at("model/README.md");
  EXPECT_THAT(card, testing::HasSubstr("xxh3-128:"));
  const auto unet = open_weight_file(folder_.path() / "told" / "model" / "unet" /
                                     "diffusion_pytorch_model.safetensors");
  const auto data = parse_json(unet.metadata.at("sumi.dataset"), "header");
  EXPECT_GE(data["pictures"], 12);  // the names decide which side each stands on
  EXPECT_EQ(data["licences"]["CC0-1.0"], data["pictures"]);
  EXPECT_EQ(data["authors"].size(), 2u);
  EXPECT_THAT(card, testing::HasSubstr(fmt::format("| CC0-1.0 | {} |", data["pictures"].dump())));
  EXPECT_EQ(unet.metadata.at("format"), "pt");
  // What did not learn says nothing new.
  const auto text =
      open_weight_file(folder_.path() / "told" / "model" / "text_encoder" / "model.safetensors");
  EXPECT_FALSE(text.metadata.contains("sumi.dataset"));
}

}  // namespace
}  // namespace sumi
