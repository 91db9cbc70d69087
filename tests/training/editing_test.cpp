#include <gmock/gmock.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "diffusion/plan.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"
#include "smallest.h"
#include "training/distillation_task.h"
#include "training/editing_task.h"
#include "training/model_parts.h"
#include "training/train.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

const std::string kWorld = std::string(SUMI_SOURCE_DIR) + "/recipes/worlds/smallest.json";

Runtime one_thread() {
  Runtime runtime;
  runtime.threads = 1;
  return runtime;
}

/// Runs a recipe, cut off and gone on with after half of it.
void train_in_two_parts(const Recipe& recipe, const fs::path& output) {
  Runtime runtime = one_thread();
  TrainCallbacks callbacks;
  callbacks.progress = [&](const ProgressState& state) {
    if (state.what.starts_with("training") && state.done >= recipe.trainer.samples / 2)
      runtime.cancel.request();
  };
  EXPECT_THROW(train(recipe, output, runtime, callbacks), Cancelled);
  train(recipe, output, one_thread());
}

std::string weights_of(const fs::path& output) {
  return read_text_file(output / "model" / "unet" / "diffusion_pytorch_model.safetensors");
}

Json last_line(const fs::path& output) {
  std::istringstream lines(read_text_file(output / "log.jsonl"));
  std::string line, last;
  while (std::getline(lines, line)) last = line;
  return parse_json(last, "log");
}

/// A small text-to-image model from which the others start.
class FromAModel : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryDirectory;
    Recipe autoencoder = smallest("autoencoder", kWorld);
    autoencoder.trainer.samples = 160;
    train(autoencoder, folder_->path() / "autoencoder", one_thread());
    Recipe base = smallest("text_to_image", kWorld);
    base.trainer.samples = 320;
    base.trainer.profile_every = 0;
    base.trainer.result_profile = 0;
    train(base, folder_->path() / "text_to_image", one_thread());
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static fs::path at(const std::string& name) { return folder_->path() / name; }

  static TemporaryDirectory* folder_;
};
TemporaryDirectory* FromAModel::folder_ = nullptr;

std::vector<Picture> drawn(GenerateRequest request) {
  const auto models = load_models(request, one_thread());
  return generate(*models, std::vector{request}, one_thread());
}

TEST_F(FromAModel, EditingIsResumedBitByBitAndEdits) {
  const Recipe recipe = smallest("editing", kWorld);
  train(recipe, at("editing"), one_thread());
  train_in_two_parts(recipe, at("editing_again"));
  EXPECT_EQ(weights_of(at("editing")), weights_of(at("editing_again")));
  EXPECT_EQ(read_text_file(at("editing") / "log.jsonl"),
            read_text_file(at("editing_again") / "log.jsonl"));
  EXPECT_TRUE(fs::exists(at("editing") / "validation.png"));
  const Json line = last_line(at("editing"));
  EXPECT_GT(line.at("validation_psnr_given").get<double>(), 5);
  EXPECT_GT(line.at("validation_psnr_edited").get<double>(), 5);
  EXPECT_GT(line.at("validation_psnr_floor").get<double>(),
            line.at("validation_psnr_edited").get<double>());

  const Json index = read_json(at("editing") / "model" / "model_index.json");
  EXPECT_EQ(index.at("_class_name"), "StableDiffusionInstructPix2PixPipeline");
  GenerateRequest request;
  request.model = (at("editing") / "model").string();
  request.image = std::string(SUMI_SOURCE_DIR) + "/recipes/worlds/smallest/red-disc.png";
  request.prompt = "make it blue";
  request.steps = 3;
  request.seed = 1;
  const Image edited = drawn(request)[0].image;
  EXPECT_EQ(edited.width, 16);
  request.image_guidance_scale = 4;
  EXPECT_NE(drawn(request)[0].image, edited);
  request.image_guidance_scale = 1.5;
  request.guidance_scale = 8;
  EXPECT_NE(drawn(request)[0].image, edited);
  request.image.clear();
  EXPECT_THROW(drawn(request), Error);
}

TEST_F(FromAModel, AWidenedNetworkGivesAtFirstWhatItGaveBefore) {
  const UNet before = open_unet(at("text_to_image") / "model");
  const UNet after =
      open_unet(at("text_to_image") / "model", [](UNetConfig& config, StateDict& state) {
        config.in_channels *= 2;
        state.at("conv_in.weight") = widened_with_zeros(state.at("conv_in.weight"));
      });
  const Tensor x = at::randn({2, 4, 8, 8}), given = at::randn({2, 4, 8, 8});
  const Tensor time = torch::tensor({10.f, 700.f}), context = at::randn({2, 5, 32});
  const Tensor expected = before.forward(x, time, context);
  EXPECT_GT(expected.abs().max().item<double>(), 0.01);
  EXPECT_LT(
      (after.forward(at::cat({x, given}, 1), time, context) - expected).abs().max().item<double>(),
      1e-4);
}

TEST_F(FromAModel, ConsistencyIsResumedBitByBitAndDrawsInFewSteps) {
  const Recipe recipe = smallest("distilled", kWorld);
  train(recipe, at("distilled"), one_thread());
  train_in_two_parts(recipe, at("distilled_again"));
  EXPECT_EQ(weights_of(at("distilled")), weights_of(at("distilled_again")));
  EXPECT_EQ(read_text_file(at("distilled") / "log.jsonl"),
            read_text_file(at("distilled_again") / "log.jsonl"));
  const Json line = last_line(at("distilled"));
  EXPECT_LT(line.at("validation_endpoint_student").get<double>(),
            line.at("validation_endpoint_teacher").get<double>());

  const fs::path model = at("distilled") / "model";
  EXPECT_EQ(read_json(model / "scheduler" / "scheduler_config.json").at("_class_name"),
            "LCMScheduler");
  GenerateRequest request;
  request.model = model.string();
  request.prompt = "a red disc";
  request.seed = 2;
  const auto models = load_models(request, one_thread());
  const GenerateRequest usual = resolve(request, *models);
  EXPECT_EQ(usual.sampler, "LCM");
  EXPECT_EQ(usual.steps, 4);
  EXPECT_EQ(usual.guidance_scale, recipe.distillation.guidance_scale);
  for (const int steps : {1, 2, 4}) {
    request.steps = steps;
    const auto image = drawn(request)[0].image;
    EXPECT_EQ(image.width, 16) << steps;
    request.guidance_scale = 4;  // an input of the network
    EXPECT_NE(drawn(request)[0].image, image) << steps;
    request.guidance_scale = -1;
  }
}

TEST_F(FromAModel, GuidanceIsDistilledIntoOneCall) {
  Recipe recipe = smallest("distilled", kWorld);
  recipe.distillation.method = "guidance";
  train(recipe, at("guided"), one_thread());
  const Json index = read_json(at("guided") / "model" / "model_index.json");
  EXPECT_EQ(index.at("_class_name"), "StableDiffusionPipeline");
  GenerateRequest request;
  request.model = (at("guided") / "model").string();
  request.prompt = "a red disc";
  request.seed = 2;
  const auto models = load_models(request, one_thread());
  EXPECT_EQ(resolve(request, *models).sampler, "DPM++ 2M");
  EXPECT_TRUE(models->spec.guidance_distilled);
  EXPECT_EQ(drawn(request)[0].image.width, 16);
}

TEST_F(FromAModel, SayWhatCannotBe) {
  const auto refused = [&](Recipe recipe, const std::string& what) {
    try {
      train(recipe, at("refused"), one_thread());
      ADD_FAILURE() << what;
    } catch (const Error& error) {
      EXPECT_THAT(std::string(error.what()), ::testing::HasSubstr(what));
    }
  };
  Recipe distilled = smallest("distilled", kWorld);
  distilled.init_from = "";
  refused(distilled, "init_from");
  distilled.init_from = "../autoencoder";
  refused(distilled, "no U-Net");
  if (!fs::exists(at("distilled") / "model" / "model_index.json"))
    train(smallest("distilled", kWorld), at("distilled"), one_thread());
  distilled.init_from = "../distilled";
  refused(distilled, "not a plain text-to-image");
  distilled.init_from = "../text_to_image";
  distilled.distillation.solver_steps = 33;
  refused(distilled, "solver_steps");
  distilled.distillation.solver_steps = 50;
  distilled.distillation.guidance_high = 0.5;
  refused(distilled, "guidance_high");
  Recipe editing = smallest("editing", kWorld);
  editing.edits.leave = -1;
  refused(editing, "edits.leave");
}

TEST(Consistency, NothingChangesAtTimestepZero) {
  const Boundary none = consistency_boundary(0, 10);
  EXPECT_EQ(none.skip, 1);
  EXPECT_EQ(none.out, 0);
  const Boundary some = consistency_boundary(0.05, 10);  // scaled: 0.5, as much as the data
  EXPECT_NEAR(some.skip, 0.5, 1e-12);
  EXPECT_NEAR(some.out, std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(consistency_boundary(999, 10).out, 1, 1e-6);
}

TEST(Consistency, HuberIsSquareThenMagnitude) {
  EXPECT_EQ(pseudo_huber(at::zeros({3}), 0.5).item<double>(), 0);
  EXPECT_NEAR(pseudo_huber(at::full({4}, 1e-3), 0.5).item<double>(), 1e-6, 1e-7);  // d² / 2c
  EXPECT_NEAR(pseudo_huber(at::full({4}, 100.0), 0.5).item<double>(), 99.5, 2e-3);
}

TEST(Consistency, AStepWithTheTruthStaysOnTheTrajectory) {
  for (const char* prediction : {"epsilon", "v_prediction", "sample", "flow"}) {
    ScheduleConfig process;
    process.prediction_type = prediction;
    if (std::string(prediction) == "flow") process.beta_schedule = "flow";
    const Schedule schedule(process);
    const Parameterisation scale(process);
    const Tensor clean = at::randn({3, 4, 5, 5}), noise = at::randn({3, 4, 5, 5});
    std::vector<NoiseLevel> now, next;
    for (const double t : {39.0, 519.0, 979.0}) {
      now.push_back(schedule.level(t));
      next.push_back(schedule.level(t - 20));
    }
    const TrainingPair pair = training_pair(scale, clean, noise, now);
    const Tensor x = add_noise(clean, noise, now);
    EXPECT_LT((clean_estimate(scale, x, pair.target, now) - clean).abs().max().item<double>(), 2e-4)
        << prediction;
    EXPECT_LT((solver_step(scale, x, pair.target, now, next) - add_noise(clean, noise, next))
                  .abs()
                  .max()
                  .item<double>(),
              2e-4)
        << prediction;
  }
}

TEST(Editing, StartsFromScratchToo) {
  const TemporaryDirectory folder;
  Recipe autoencoder = smallest("autoencoder", kWorld);
  autoencoder.trainer.samples = 64;
  train(autoencoder, folder.path() / "autoencoder", one_thread());
  Recipe recipe = smallest("text_to_image", kWorld);
  recipe.task = "instruction_editing";
  recipe.trainer = smallest("editing", kWorld).trainer;
  recipe.validation_samples = 8;
  train(recipe, folder.path() / "editing", one_thread());
  const Json config = read_json(folder.path() / "editing" / "model" / "unet" / "config.json");
  EXPECT_EQ(config.at("in_channels"), 8);
  EXPECT_EQ(config.at("out_channels"), 4);
}

}  // namespace
}  // namespace sumi
