#include "training/model_card.h"

#include "core/error.h"
#include "core/files.h"
#include "weights/safetensors.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr const char* kKey = "sumi.dataset";

/// The folders of a model whose weights this task teaches.
bool learned(const Recipe& recipe, const std::string& component) {
  if (component == "vae") return recipe.task == "autoencoder";
  if (component == "text_encoder") return recipe.text_encoder_rate > 0;
  return true;
}

void mark(const fs::path& file, const Json& provenance) {
  const auto weights = open_single_weight_file(file);
  auto metadata = weights.metadata;
  metadata[kKey] = provenance.dump();
  write_safetensors(file, {weights.tensors.begin(), weights.tensors.end()}, metadata);
}

std::string counts(const Json& object) {
  std::string text;
  for (const auto& [name, count] : object.items())
    text += fmt::format("| {} | {} |\n", name, count.dump());
  return text;
}

}  // namespace

std::string model_card(const Recipe& recipe, const Json& provenance) {
  auto text = fmt::format(
      "# {}\n\nTrained with Sumi on {} pictures, {} samples seen in batches of {}. Seed {}.\n\n"
      "## Data\n\nHash of the data set: `{}` (side: {}).\n\n"
      "Pictures that ask to be left out of training (noai and its kin) were left out.\n\n"
      "| licence | pictures |\n|---|---|\n{}\n| source | pictures |\n|---|---|\n{}",
      recipe.task, provenance["pictures"].dump(), recipe.trainer.samples,
      std::int64_t{recipe.trainer.batch_size} * recipe.trainer.accumulation, recipe.trainer.seed,
      provenance["hash"].get<std::string>(), provenance["split"].get<std::string>(),
      counts(provenance["licences"]), counts(provenance["sources"]));
  if (!provenance["authors"].empty())
    text += fmt::format("\n| author ({} in all) | pictures |\n|---|---|\n{}",
                        provenance["different_authors"].dump(), counts(provenance["authors"]));
  if (provenance.contains("curated"))
    for (const auto& curated : provenance["curated"])
      text += fmt::format("\nCurated: `{}`, {} pictures; left out: {}.\n",
                          curated.value("hash", std::string("?")), curated.value("pictures", 0),
                          curated.value("left_out", Json::object()).dump());
  return text;
}

void describe_model(const fs::path& model, const Recipe& recipe, const Json& provenance) {
  if (!fs::is_directory(model)) return;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(model))
    if (entry.is_regular_file() && entry.path().extension() == ".safetensors") {
      const auto component = entry.path().parent_path().lexically_relative(model).string();
      if (learned(recipe, component)) files.push_back(entry.path());
    }
  for (const auto& file : files) mark(file, provenance);
  write_file(model / "README.md", model_card(recipe, provenance));
}

}  // namespace sumi
