// The same weights in several layouts must give the same tensors, whatever the reference holds
// under models/.

#include <fmt/core.h>

#include <cstdlib>

#include "gtest/gtest.h"
#include "weights/checkpoint.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

fs::path models_folder() {
  const char* given = std::getenv("SUMI_REFERENCE");
  return (given && *given ? fs::path(given) : fs::path(SUMI_SOURCE_DIR) / "tests/reference/data") /
         "models";
}

/// Number of tensors of `a` that `b` has too; all of those must be equal.
std::size_t expect_shared_equal(const StateDict& a, const StateDict& b, const std::string& where) {
  std::size_t shared = 0;
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end()) continue;
    ++shared;
    EXPECT_TRUE(torch::equal(tensor, other->second)) << where << ": " << name;
  }
  return shared;
}

bool is_known(const std::string& name) {
  return name.starts_with("sd15_") || name.starts_with("sd2") || name.starts_with("sd3");
}

TEST(Layouts, SingleFileAndFolderAgree) {
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(models_folder())) {
    const std::string name = entry.path().filename();
    const fs::path folder = entry.path() / "diffusers",
                   single = entry.path() / "single_file.safetensors";
    if (!fs::exists(folder / "model_index.json") || !fs::exists(single)) continue;
    if (!is_known(name)) {
      fmt::print("NOT COVERED {}: family belongs to later work\n", name);
      continue;
    }
    const Checkpoint reference = open_checkpoint(folder);
    for (const fs::path& file : {single, entry.path() / "single_file.ckpt"}) {
      if (!fs::exists(file)) continue;
      const Checkpoint checkpoint = open_checkpoint(file);
      EXPECT_EQ(checkpoint.family, reference.family);
      for (const auto& [component, state] : reference.components) {
        const StateDict& theirs = checkpoint.components.at(component);
        EXPECT_EQ(expect_shared_equal(state, theirs, name), state.size())
            << name << " " << component;
        // Only the text tower of SD 2 holds more in a single file: its unused last layer and the
        // projection.
        for (const auto& [key, tensor] : theirs)
          if (!state.contains(key)) {
            EXPECT_TRUE(checkpoint.family == "sd2" &&
                        (key.starts_with("text_model.encoder.layers.23.") ||
                         key == "text_projection.weight"))
                << key;
          }
      }
      fmt::print("{}: {} equals the folder\n", name, file.filename().string());
      ++compared;
    }
  }
  EXPECT_GT(compared, 0) << "no checkpoint in two layouts under " << models_folder();
}

TEST(Layouts, EmbeddingFormsAgree) {
  const fs::path folder = models_folder() / "sd15_textual_inversion_tiny";
  if (!fs::exists(folder)) GTEST_SKIP() << "the reference holds no embeddings";
  for (const auto& [pickled, safe] : {std::pair("learned_embeds.bin", "learned_embeds.safetensors"),
                                      std::pair("multi-tok.pt", "multi-tok.safetensors")}) {
    const StateDict a = load_state_dict(folder / pickled), b = load_state_dict(folder / safe);
    ASSERT_EQ(a.size(), 1u);
    ASSERT_EQ(b.size(), 1u);
    EXPECT_TRUE(torch::equal(a.begin()->second, b.begin()->second)) << pickled;
  }
}

}  // namespace
}  // namespace sumi
