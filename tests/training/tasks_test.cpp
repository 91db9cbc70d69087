#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "diffusion/plan.h"
#include "media/image.h"
#include "models/mmdit.h"
#include "smallest.h"
#include "training/autoencoder_loss.h"
#include "training/autoencoder_task.h"
#include "training/objective.h"
#include "training/prompts.h"
#include "training/scorer.h"
#include "training/train.h"
#include "weights/checkpoint.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

struct Colour {
  const char* name;
  std::vector<std::uint8_t> value;
};

const std::vector<Colour> kColours = {{"red", {220, 30, 30}},    {"green", {30, 180, 60}},
                                      {"blue", {30, 60, 220}},   {"yellow", {240, 220, 40}},
                                      {"black", {10, 10, 10}},   {"white", {250, 250, 250}},
                                      {"pink", {250, 150, 200}}, {"brown", {120, 70, 30}}};

/// A world of plain squares with captions, in a folder of its own.
std::string make_world(const fs::path& folder) {
  fs::create_directories(folder / "pictures");
  for (const auto& colour : kColours) {
    const auto file = folder / "pictures" / colour.name;
    save_image(file.string() + ".png", filled_image(16, 16, colour.value));
    write_file(file.string() + ".txt", std::string("a ") + colour.name + " square");
  }
  const Json world = {{"folders", Json::array({{{"path", (folder / "pictures").string()}}})},
                      {"size_px", 16}};
  write_file(folder / "world.json", world.dump());
  return (folder / "world.json").string();
}

/// The "mean_loss" of the log's first and last line.
std::pair<double, double> first_and_last_loss(const fs::path& output) {
  std::istringstream lines(read_text_file(output / "log.jsonl"));
  std::vector<double> losses;
  for (std::string line; std::getline(lines, line);)
    losses.push_back(parse_json(line, "log").at("mean_loss").get<double>());
  return {losses.front(), losses.back()};
}

/// Runs a recipe with one interruption, so that every task also proves that it resumes.
void train_in_two_parts(const Recipe& recipe, const fs::path& output,
                        const PictureMaker& pictures = {}) {
  Runtime runtime;
  runtime.threads = 1;
  TrainCallbacks callbacks;
  callbacks.pictures = pictures;
  callbacks.progress = [&](const ProgressState& state) {
    if (state.what.starts_with("training") && state.done >= recipe.trainer.samples / 2)
      runtime.cancel.request();
  };
  EXPECT_THROW(train(recipe, output, runtime, callbacks), Cancelled);
  runtime.cancel = {};
  callbacks.progress = {};
  train(recipe, output, runtime, callbacks);
}

/// What diffusers' classes for the parts would read, and a table of places that nothing trained.
void expect_a_transformer_of_flow(const fs::path& model) {
  const Json index = read_json(model / "model_index.json");
  EXPECT_EQ(index["_class_name"], "SumiFlowPipeline");
  EXPECT_EQ(index["transformer"], Json({"diffusers", "SD3Transformer2DModel"}));
  EXPECT_FALSE(index.contains("unet"));
  const auto scheduler = read_diffusers_scheduler(
      read_json(model / "scheduler" / "scheduler_config.json"), "scheduler");
  EXPECT_EQ(scheduler.sampler->name, "Euler");
  EXPECT_EQ(scheduler.config.beta_schedule, "flow");
  const auto config = read_model_config<MMDiTConfig>(
      read_json(model / "transformer" / "config.json"), "transformer/config.json");
  MMDiT read(config), fresh(config);
  bind(read, open_checkpoint(model).components.at("transformer"), "transformer");
  initialise(fresh, 1);
  EXPECT_TRUE(state_of(read)
                  .at(kMMDiTPlaces)
                  .equal(state_of(fresh).at(kMMDiTPlaces).to(torch::kHalf).to(torch::kFloat)));
  EXPECT_GT(state_of(read).at("proj_out.weight").abs().max().item<float>(), 0);
}

TEST(Tasks, TheSmallestRecipesTouchEverything) {
  const TemporaryDirectory folder;
  const auto world = make_world(folder.path());

  train_in_two_parts(smallest("autoencoder", world), folder.path() / "autoencoder");
  const auto [ae_first, ae_last] = first_and_last_loss(folder.path() / "autoencoder");
  EXPECT_LT(ae_last, 0.7 * ae_first);
  EXPECT_TRUE(fs::exists(folder.path() / "autoencoder" / "validation.png"));
  const auto autoencoder = open_autoencoder(folder.path() / "autoencoder");
  EXPECT_GT(autoencoder->config().scaling_factor, 0);
  EXPECT_NE(autoencoder->config().scaling_factor, 0.18215);

  int asked = 0;
  const PictureMaker flat = [&](const fs::path& model, const std::vector<std::string>& prompts) {
    ++asked;
    EXPECT_TRUE(fs::exists(model / "unet" / "diffusion_pytorch_model.safetensors"));
    return std::vector<Image>(prompts.size(), filled_image(16, 16, kColours[0].value));
  };
  const auto diffusion = folder.path() / "text_to_image";
  const auto left = diffusion / "model" / "vae" / "config.json.KF4YOw.partial";  // by a kill
  fs::create_directories(left.parent_path());
  write_file(left, "{");
  train_in_two_parts(smallest("text_to_image", world), diffusion, flat);
  EXPECT_FALSE(fs::exists(left));
  const auto [first, last] = first_and_last_loss(diffusion);
  EXPECT_LT(last, 0.9 * first);
  EXPECT_GE(asked, 1);
  EXPECT_TRUE(fs::exists(diffusion / "validation.png"));
  const Checkpoint model = open_checkpoint(diffusion / "model");
  EXPECT_TRUE(model.components.count("unet") && model.components.count("vae") &&
              model.components.count("text_encoder"));

  Recipe further = smallest("text_to_image", world);
  further.init_from = "../text_to_image/model";
  further.autoencoder = "";
  further.unet = {}, further.text_encoder = {}, further.scheduler_said = false;  // the folder's
  further.trainer.samples = 64;
  Runtime runtime;
  runtime.threads = 1;
  train(further, folder.path() / "further", runtime);
  const auto [warm, after] = first_and_last_loss(folder.path() / "further");
  EXPECT_LT(warm, 0.9 * first);
  EXPECT_GT(after, 0);
  const auto generation = read_json(folder.path() / "further" / "model" / "generation.json");
  EXPECT_EQ(generation.at("width"), 16);
  EXPECT_EQ(generation, read_json(diffusion / "model" / "generation.json"));

  const auto flow = folder.path() / "transformer", straight = folder.path() / "straight";
  train_in_two_parts(smallest("transformer", world), flow);
  const auto [flow_first, flow_last] = first_and_last_loss(flow);
  EXPECT_LT(flow_last, 0.9 * flow_first);
  expect_a_transformer_of_flow(flow / "model");
  train(smallest("transformer", world), straight, runtime);
  const fs::path weights = "model/transformer/diffusion_pytorch_model.safetensors";
  EXPECT_TRUE(read_text_file(flow / weights) == read_text_file(straight / weights))
      << "the interrupted run ended with other bytes";
  further.init_from = "../transformer";
  train(further, folder.path() / "further_flow", runtime);
  EXPECT_LT(first_and_last_loss(folder.path() / "further_flow").first, 0.9 * flow_first);
  expect_a_transformer_of_flow(folder.path() / "further_flow" / "model");

  train_in_two_parts(smallest("scorer", world), folder.path() / "scorer");
  const auto [scorer_first, scorer_last] = first_and_last_loss(folder.path() / "scorer");
  EXPECT_LT(scorer_last, 0.8 * scorer_first);
  EXPECT_TRUE(fs::exists(folder.path() / "scorer" / "identification.json"));
  EXPECT_EQ(open_scorer(folder.path() / "scorer").tokenizer.max_length(), 16);
}

TEST(Tasks, SayWhatIsMissing) {
  const TemporaryDirectory folder;
  const auto world = make_world(folder.path());
  Runtime runtime;
  runtime.threads = 1;
  EXPECT_THROW(train(smallest("text_to_image", world), folder.path() / "out", runtime), Error);
  EXPECT_THROW(open_scorer(folder.path()), Error);
  EXPECT_THROW(open_autoencoder(folder.path()), Error);
  if (at::globalContext().hasCUDA()) return;
  runtime.device = "cuda";
  EXPECT_THROW(train(smallest("autoencoder", world), folder.path() / "out", runtime), Error);
}

TEST(AutoencoderLoss, IsZeroOnlyForTheSamePicture) {
  const Tensor picture = at::rand({2, 3, 16, 16});
  EXPECT_NEAR(reconstruction_loss(picture, picture, {}).item<double>(), 0, 1e-6);
  const double shifted = reconstruction_loss(picture + 0.1, picture, {}).item<double>();
  EXPECT_GT(shifted, 0.09);
  EXPECT_GT(reconstruction_loss(at::zeros_like(picture), picture, {}).item<double>(), shifted);
}

TEST(AutoencoderLoss, DivergenceFromTheUnitNormal) {
  const Tensor moments = at::zeros({1, 4, 2, 2});
  EXPECT_NEAR(kl_loss(moments).item<double>(), 0, 1e-7);
  const Tensor away = at::cat({at::full({1, 2, 2, 2}, 3.0), at::full({1, 2, 2, 2}, 1.0)}, 1);
  EXPECT_NEAR(kl_loss(away).item<double>(), 0.5 * (9 + std::exp(1.0) - 1 - 1), 1e-5);
}

TEST(Objective, APerfectNetworkHasNoLoss) {
  for (const char* prediction : {"epsilon", "v_prediction", "sample"}) {
    ScheduleConfig process;
    process.prediction_type = prediction;
    const Objective objective(process, {});
    const Tensor clean = at::randn({8, 4, 4, 4}), noise = at::randn({8, 4, 4, 4});
    const Tensor timesteps = stratified_timesteps(objective, 8, 3);
    for (int i = 0; i < 8; ++i) {
      EXPECT_GE(timesteps[i].item<double>(), 125 * i);
      EXPECT_LT(timesteps[i].item<double>(), 125 * (i + 1));
    }
    const auto answer = [&](const Tensor&, const Tensor& time) {
      std::vector<Tensor> items;
      for (int i = 0; i < 8; ++i) {
        const NoiseLevel level = objective.schedule.level(time[i].item<double>());
        const std::string kind = prediction;
        items.push_back(kind == "epsilon"  ? noise[i]
                        : kind == "sample" ? clean[i]
                                           : level.alpha * noise[i] - level.sigma * clean[i]);
      }
      return at::stack(items);
    };
    EXPECT_LT(diffusion_loss(objective, answer, clean, noise, timesteps).item<double>(), 1e-4)
        << prediction;
    const auto silence = [&](const Tensor& input, const Tensor&) { return at::zeros_like(input); };
    EXPECT_GT(diffusion_loss(objective, silence, clean, noise, timesteps).item<double>(), 0.05)
        << prediction;
  }
}

}  // namespace
}  // namespace sumi
