#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"
#include "training/recipe.h"

namespace sumi {

/// Says in a written model what it was trained on. Every weight file of a component that learned
/// gets `provenance` as "sumi.dataset" into its header, beside what stands there already, and
/// MODEL/README.md becomes a model card: task, data with hash and licences, samples seen. The same
/// recipe and data give the same bytes. Throws Error when writing fails.
void describe_model(const std::filesystem::path& model, const Recipe& recipe,
                    const Json& provenance);

/// The text of that card.
std::string model_card(const Recipe& recipe, const Json& provenance);

}  // namespace sumi
