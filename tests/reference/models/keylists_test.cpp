// The names and shapes of the full-size networks against the recorded lists, without a single
// weight.

#include <fmt/core.h>

#include <map>

#include "core/json.h"
#include "models/catalog.h"
#include "models/clip_text.h"
#include "models/mmdit.h"
#include "models/unet.h"
#include "models/vae.h"
#include "reference_case.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using Shapes = std::map<std::string, std::vector<std::int64_t>>;

Shapes shapes_of(const Module& module) {
  Shapes shapes;
  for (const auto& [path, slot] : module.slots()) shapes[path] = slot->shape;
  return shapes;
}

ClipTextConfig sd2_text() {
  ClipTextConfig c;
  c.hidden_size = 1024;
  c.intermediate_size = 4096;
  c.num_hidden_layers = 23;
  c.num_attention_heads = 16;
  c.hidden_act = "gelu";
  return c;
}

UNetConfig with(UNetConfig c, int in_channels, int guidance_width) {
  c.in_channels = in_channels;
  c.time_cond_proj_dim = guidance_width;
  return c;
}

UNetConfig sd2_unet() {
  UNetConfig c;
  c.cross_attention_dim = {1024, 1024, 1024, 1024};
  c.attention_head_dim = {5, 10, 20, 20};
  c.use_linear_projection = true;
  return c;
}

VaeConfig sd3_vae() {
  VaeConfig c;
  c.latent_channels = 16;
  c.use_quant_conv = c.use_post_quant_conv = false;
  return c;
}

ClipTextConfig projected(int width, int layers, int heads) {
  ClipTextConfig c;
  c.hidden_size = c.projection_dim = width;
  c.intermediate_size = 4 * width;
  c.num_hidden_layers = layers;
  c.num_attention_heads = heads;
  c.with_projection = true;
  return c;
}

/// Networks by list and component; nothing for those of later work.
std::map<std::string, std::map<std::string, Module>> networks() {
  return {{"sd15",
           {{"unet", UNet(UNetConfig())},
            {"vae", AutoencoderKL(VaeConfig())},
            {"text_encoder", ClipTextModel(ClipTextConfig())}}},
          {"sd21",
           {{"unet", UNet(sd2_unet())},
            {"vae", AutoencoderKL(VaeConfig())},
            {"text_encoder", ClipTextModel(sd2_text())}}},
          {"sd3_medium",
           {{"transformer", MMDiT(MMDiTConfig())},
            {"vae", AutoencoderKL(sd3_vae())},
            {"text_encoder", ClipTextModel(projected(768, 12, 12))},
            {"text_encoder_2", ClipTextModel(projected(1280, 32, 20))}}},
          {"sd15_variants",
           {{"unet_inpainting", UNet(with(UNetConfig(), 9, 0))},
            {"unet_lcm", UNet(with(UNetConfig(), 4, 256))}}}};
}

PlacedTensors placed(const Json& tensors) {
  PlacedTensors all;
  for (const auto& [name, shape] : tensors.items())
    all[name].shape = shape.get<std::vector<std::int64_t>>();
  return all;
}

/// The shapes alone must give the configuration back.
void check_derived(const std::string& list, const std::string& component, const Json& tensors) {
  const auto family = list == "sd21" ? "sd2" : "sd1";
  if (component.starts_with("unet")) {
    auto expected = list == "sd21" ? sd2_unet() : UNetConfig();
    if (component == "unet_inpainting") expected.in_channels = 9;
    if (component == "unet_lcm") expected.time_cond_proj_dim = 256;
    EXPECT_EQ(to_json(unet_config_from_shapes(placed(tensors), family, {})), to_json(expected))
        << list;
  } else if (component == "transformer") {
    EXPECT_EQ(to_json(mmdit_config_from_shapes(placed(tensors))), to_json(MMDiTConfig())) << list;
  } else if (component == "vae") {
    EXPECT_EQ(to_json(vae_config_from_shapes(placed(tensors), {})),
              to_json(list == "sd3_medium" ? sd3_vae() : VaeConfig()))
        << list;
  } else if (list != "sd3_medium") {
    auto expected = list == "sd21" ? sd2_text() : ClipTextConfig();
    expected.projection_dim = expected.hidden_size;
    EXPECT_EQ(to_json(text_config_from_shapes(placed(tensors), family, {})), to_json(expected))
        << list;
  }
}

TEST(ReferenceKeys, FullSizeNetworksHaveExactlyThePublishedParameters) {
  const auto root = reference_folder() / "keylists";
  if (!fs::is_directory(root)) GTEST_SKIP() << root << " is missing";
  const auto known = networks();
  int compared = 0;
  for (const auto& entry : fs::directory_iterator(root)) {
    const auto file = entry.path().filename().string();
    if (!file.ends_with(".diffusers.json")) continue;
    const auto list = file.substr(0, file.find('.'));
    const auto components = read_json(entry.path()).at("components");
    for (const auto& [component, tensors] : components.items()) {
      const auto family = known.find(list);
      if (family == known.end() || !family->second.count(component)) {
        fmt::print("NOT COVERED {} {}: comes later\n", list, component);
        continue;
      }
      const auto& module = family->second.at(component);
      auto theirs = tensors.get<Shapes>();
      for (const auto& name : module.tolerated()) theirs.erase(name);
      EXPECT_EQ(shapes_of(module), theirs) << list << " " << component;
      check_derived(list, component, tensors);
      fmt::print("{} {}: {} parameters named and shaped alike\n", list, component, theirs.size());
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace sumi
