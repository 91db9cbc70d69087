#include "training/recipe.h"

#include "core/error.h"

namespace sumi {
namespace fs = std::filesystem;

Recipe read_recipe(const fs::path& file) {
  Recipe recipe;
  from_json(read_json(file), recipe, file.string());
  if (!recipe.world.empty())
    recipe.world = (file.parent_path() / recipe.world).lexically_normal().string();
  try {
    check(recipe);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", file.string(), error.what()), error.hint());
  }
  return recipe;
}

void check(const Recipe& recipe) {
  const bool autoencoder = recipe.task == "autoencoder";
  const bool text_to_image = recipe.task == "text_to_image";
  if (!autoencoder && !text_to_image && recipe.task != "image_text_scorer")
    throw Error(fmt::format("task: unknown \"{}\"", recipe.task),
                "use autoencoder, text_to_image or image_text_scorer");
  if (recipe.world.empty())
    throw Error("world: it is empty",
                "name a file of recipes/worlds, e.g. \"../worlds/small.json\"");
  if (recipe.storage != "fp16" && recipe.storage != "fp32")
    throw Error(fmt::format("storage: unknown \"{}\"", recipe.storage), "use fp16 or fp32");
  if (recipe.validation_samples < 1)
    throw Error(fmt::format("validation_samples: {} is less than 1", recipe.validation_samples),
                "use 64");
  if (text_to_image && recipe.autoencoder.empty() && recipe.init_from.empty())
    throw Error("autoencoder: it is empty", "name the output folder of an autoencoder's training");
  if (!(recipe.objective.caption_dropout >= 0 && recipe.objective.caption_dropout <= 1))
    throw Error(fmt::format("objective.caption_dropout: {} is not in 0 to 1",
                            recipe.objective.caption_dropout),
                "use 0.1");
  if (recipe.objective.weighting != "uniform" && recipe.objective.weighting != "min_snr")
    throw Error(fmt::format("objective.weighting: unknown \"{}\"", recipe.objective.weighting),
                "use uniform or min_snr");
  if (autoencoder) recipe.vae.check("vae");
  if (text_to_image) recipe.unet.check("unet");
  if (!autoencoder) recipe.text_encoder.check("text_encoder");
  check(recipe.trainer);
}

}  // namespace sumi
