#include "training/recipe.h"

#include "core/error.h"
#include "training/config_keys.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// A recipe that does not say which network it trains means the one that it describes.
void settle_network(const Json& json, Recipe& recipe, const std::string& file) {
  if (!recipe.network.empty()) return;
  const bool transformer = json.contains("transformer");
  if (transformer && json.contains("unet"))
    throw Error(fmt::format("{}: it describes a unet and a transformer", file),
                "leave one of them out, or say \"network\": \"unet\" or \"transformer\"");
  recipe.network = transformer ? "transformer" : "unet";
}

/// What the folder of init_from decides.
constexpr const char* kOfTheStart[] = {"unet", "transformer", "network", "text_encoder",
                                       "tokenizer"};

bool starts_from_networks(const Recipe& recipe) {
  return !recipe.init_from.empty() && recipe.task != "autoencoder";
}

void settle_start(const Json& json, Recipe& recipe, const std::string& file) {
  recipe.scheduler_said = json.contains("scheduler");
  if (!starts_from_networks(recipe)) return;
  for (const char* key : kOfTheStart)
    if (json.contains(key))
      throw Error(fmt::format("{}: {}: it is that of init_from, {}", file, key, recipe.init_from),
                  "leave it out, or leave init_from out and train from scratch");
}

void check_autoencoder(const Recipe& recipe) {
  recipe.vae.check("vae");
  const auto& loss = recipe.autoencoder_loss;
  check(loss);
  if (loss.perceptual > 0 && recipe.scorer.empty())
    throw Error(
        fmt::format("scorer: it is empty, and autoencoder_loss.perceptual is {}", loss.perceptual),
        "name the output folder of a scorer's training, or leave perceptual out");
  if (loss.adversarial.weight > 0 && loss.adversarial.start_samples >= recipe.trainer.samples)
    throw Error(fmt::format("autoencoder_loss.adversarial.start_samples: {} is not below "
                            "trainer.samples, {}",
                            loss.adversarial.start_samples, recipe.trainer.samples),
                "let the adversary join at half of the run, say");
}

void check_transformer(const Recipe& recipe) {
  const auto& t = recipe.transformer;
  t.check("transformer");
  if (recipe.scheduler.beta_schedule != "flow")
    throw Error("scheduler.beta_schedule: a transformer is taught rectified flow",
                "give \"scheduler\": {\"beta_schedule\": \"flow\", \"prediction_type\": "
                "\"flow\"}");
  const int width = recipe.text_encoder.hidden_size;
  if (t.joint_attention_dim != width || t.pooled_projection_dim != width)
    throw Error(fmt::format("transformer: it listens to text of width {} and {}, the text encoder "
                            "gives {}",
                            t.joint_attention_dim, t.pooled_projection_dim, width),
                "give joint_attention_dim and pooled_projection_dim text_encoder.hidden_size");
}

}  // namespace

Recipe read_recipe(const fs::path& file) {
  Recipe recipe;
  const Json json = read_json(file);
  check_keys(json, recipe, file.string());
  from_json(json, recipe, file.string());
  settle_network(json, recipe, file.string());
  settle_start(json, recipe, file.string());
  if (!recipe.world.empty())
    recipe.world = (file.parent_path() / recipe.world).lexically_normal().string();
  try {
    check(recipe);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", file.string(), error.what()), error.hint());
  }
  return recipe;
}

Json written(const Recipe& recipe) {
  Json json = to_json(recipe);
  if (!starts_from_networks(recipe)) return json;
  for (const char* key : kOfTheStart) json.erase(key);
  if (!recipe.scheduler_said) json.erase("scheduler");
  return json;
}

std::vector<fs::path> stages_of(const fs::path& file) {
  const Json json = read_json(file);
  if (!json.is_object() || !json.contains("stages")) return {file};
  if (json.size() != 1 || !json["stages"].is_array() || json["stages"].empty())
    throw Error(fmt::format("{}: \"stages\" is not a list by itself", file.string()),
                "write {\"stages\": [\"first.json\", …]}; what each trains stands in its own file");
  std::vector<fs::path> stages;
  for (const auto& stage : json["stages"]) {
    if (!stage.is_string())
      throw Error(fmt::format("{}: {} is not a file of stages", file.string(), stage.dump()),
                  "write the names of recipes in quotes");
    stages.push_back((file.parent_path() / stage.get<std::string>()).lexically_normal());
  }
  return stages;
}

void check(const Recipe& recipe) {
  const bool autoencoder = recipe.task == "autoencoder";
  const bool text_to_image = recipe.task == "text_to_image";
  const bool editing = recipe.task == "instruction_editing";
  const bool distillation = recipe.task == "distillation";
  if (!autoencoder && !text_to_image && !editing && !distillation &&
      recipe.task != "image_text_scorer")
    throw Error(fmt::format("task: unknown \"{}\"", recipe.task),
                "use autoencoder, image_text_scorer, text_to_image, instruction_editing or "
                "distillation");
  if (recipe.world.empty())
    throw Error("world: it is empty",
                "name a file of recipes/worlds, e.g. \"../worlds/default.json\"");
  if (recipe.storage != "fp16" && recipe.storage != "fp32")
    throw Error(fmt::format("storage: unknown \"{}\"", recipe.storage), "use fp16 or fp32");
  if (recipe.validation_samples < 1)
    throw Error(fmt::format("validation_samples: {} is less than 1", recipe.validation_samples),
                "use 64");
  if ((text_to_image || editing) && recipe.autoencoder.empty() && recipe.init_from.empty())
    throw Error("autoencoder: it is empty", "name the output folder of an autoencoder's training");
  if (!(recipe.text_encoder_rate >= 0 && recipe.text_encoder_rate <= 10))
    throw Error(fmt::format("text_encoder_rate: {} is not in 0 to 10", recipe.text_encoder_rate),
                "1 teaches text tower and denoiser alike");
  if (recipe.cache_mb < 0 || (recipe.cache_mb > 0 && !text_to_image))
    throw Error(fmt::format("cache_mb: {} does not fit the task {}", recipe.cache_mb, recipe.task),
                "only text_to_image keeps what it computes; else leave it out");
  if (distillation && recipe.init_from.empty())
    throw Error("init_from: it is empty", "name the text-to-image model that is the teacher");
  if (recipe.init_from.empty()) check(recipe.objective, recipe.scheduler);
  if (editing) check(recipe.edits);
  if (distillation) check(recipe.distillation);
  if (autoencoder) check_autoencoder(recipe);
  if (!recipe.network.empty() && recipe.network != "unet" && recipe.network != "transformer")
    throw Error(fmt::format("network: unknown \"{}\"", recipe.network), "use unet or transformer");
  const bool described = recipe.init_from.empty();
  if (described && text_to_image && recipe.network == "transformer")
    check_transformer(recipe);
  else if (described && text_to_image)
    recipe.unet.check("unet");
  if (!autoencoder) recipe.text_encoder.check("text_encoder");
  check(recipe.trainer);
}

}  // namespace sumi
