#pragma once

#include <filesystem>
#include <string>

#include "training/recipe.h"

namespace sumi {

/// A recipe of recipes/smallest with another world.
inline Recipe smallest(const std::string& name, const std::string& world) {
  Recipe recipe = read_recipe(std::filesystem::path(SUMI_SOURCE_DIR) / "recipes" / "smallest" /
                              (name + ".json"));
  recipe.world = world;
  return recipe;
}

}  // namespace sumi
