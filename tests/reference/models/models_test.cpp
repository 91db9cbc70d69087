// Networks against recorded inputs and outputs of the published implementations: whatever folders
// the reference holds under models/. Families of later work are named as not covered.

#include <fmt/core.h>

#include <cmath>
#include <set>

#include "core/json.h"
#include "models/catalog.h"
#include "models/clip_text.h"
#include "models/mmdit.h"
#include "models/tiny_vae.h"
#include "models/unet.h"
#include "models/vae.h"
#include "reference_case.h"
#include "weights/checkpoint.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;

/// README: 1e-5 is typical for one call of a network, 1e-4 is allowed.
constexpr double kAllowed = 1e-4;

/// The largest error of one folder, and every comparison above the tolerance as a test failure.
class Comparison {
 public:
  explicit Comparison(std::string folder) : folder_(std::move(folder)) {}
  void expect(const std::string& name, const Tensor& ours, const Tensor& theirs) {
    const double error = relative_error(ours, theirs);
    EXPECT_LE(error, kAllowed) << folder_ << ": " << name;
    ++count_;
    if (error >= worst_) worst_ = error, worst_name_ = name;
  }
  ~Comparison() {
    fmt::print("{}: {} comparisons, largest relative error {:.2e} ({})\n", folder_, count_, worst_,
               worst_name_);
  }

 private:
  std::string folder_, worst_name_;
  double worst_ = 0;
  int count_ = 0;
};

/// One model of a case: its description and its weights, whatever layout they came in.
struct Loaded {
  std::string layout;
  ModelSpec spec;
  Checkpoint weights;

  template <class Network, class Config>
  Network network(const std::string& component, const Config& config) const {
    Network network(config);
    bind(network, weights.components.at(component), layout + " " + component);
    return network;
  }
};

/// What single files cannot say; the cases note it beside their numbers.
SpecOverrides overrides_of(const Json& notes) {
  SpecOverrides overrides;
  overrides.norm_num_groups = notes.value("norm_num_groups", 0);
  if (notes.contains("mmdit"))
    overrides.norm_num_groups = notes.at("vae").at("norm_num_groups").get<int>();
  if (const auto unet = notes.find("unet_config"); unet != notes.end()) {
    overrides.unet_heads = unet->value("num_heads", 0);
    overrides.unet_head_size = unet->value("num_head_channels", 0);
  }
  if (const auto text = notes.find("text_config"); text != notes.end())
    overrides.text_heads = text->value("num_attention_heads", text->value("heads", 0));
  return overrides;
}

/// Every layout in which a case holds its model: diffusers folder, the folder of a U-Net alone,
/// single files.
std::vector<Loaded> layouts_of(const fs::path& folder, const Json& notes) {
  std::vector<Loaded> all;
  for (const auto* place : {"diffusers", "unet", "single_file.safetensors", "single_file.ckpt"}) {
    if (!fs::exists(folder / place)) continue;
    const auto files = open_checkpoint_files(folder / place);
    all.push_back({place, describe_model(files, overrides_of(notes)), to_checkpoint(files)});
  }
  return all;
}

bool has(const StateDict& golden, const std::string& name) { return golden.count(name) > 0; }

void check_text(const Loaded& loaded, const StateDict& golden, Comparison& compare) {
  const auto model = loaded.network<ClipTextModel>("text_encoder", loaded.spec.text);
  const auto out = model.forward(golden.at("text/input_ids"));
  // The recorded tower of SD 2 is the 23 layers that conditioning uses; single files hold one more.
  const auto last = out.hidden_states.size() - 1 - loaded.spec.skipped_text_layers;
  const auto last_hidden = model.final_norm(out.hidden_states[last]);
  compare.expect("text/last_hidden_state", last_hidden, golden.at("text/last_hidden_state"));
  if (loaded.spec.skipped_text_layers == 0)
    compare.expect("text/pooler_output", out.pooled, golden.at("text/pooler_output"));
  int recorded = 0;
  for (std::size_t i = 0; i <= last; ++i)
    if (const auto name = fmt::format("text/hidden_states.{:02}", i); has(golden, name)) {
      const auto& theirs = golden.at(name);
      compare.expect(name, out.hidden_states[i].narrow(0, 0, theirs.size(0)), theirs);
      ++recorded;
    }
  EXPECT_GT(recorded, 0);
  if (has(golden, "text/open_clip_penultimate_final_norm"))
    compare.expect("text/open_clip_penultimate_final_norm", last_hidden,
                   golden.at("text/open_clip_penultimate_final_norm"));
  const auto& penultimate = out.hidden_states[last - 1];
  compare.expect("text/penultimate", penultimate, golden.at("text/penultimate"));
  compare.expect("text/penultimate_final_norm", model.final_norm(penultimate),
                 golden.at("text/penultimate_final_norm"));
}

void check_unet(const Loaded& loaded, const StateDict& golden, Comparison& compare) {
  const auto unet = loaded.network<UNet>("unet", loaded.spec.unet);
  const auto& sample = golden.at("unet/sample");
  const auto& times = golden.at("unet/timesteps");
  const auto condition =
      has(golden, "unet/timestep_cond") ? golden.at("unet/timestep_cond") : Tensor();
  if (has(golden, "unet/w"))
    compare.expect("unet/timestep_cond", guidance_embedding(golden.at("unet/w"), condition.size(1)),
                   condition);
  std::set<std::string> parts_seen;
  for (std::int64_t i = 0; i < times.size(0); ++i) {
    const auto at = fmt::format("unet/at_t{}/", times[i].item<float>());
    const auto observe = [&](const std::string& part, const Tensor& output) {
      if (!has(golden, at + part)) return;
      compare.expect(at + part, output, golden.at(at + part));
      parts_seen.insert(at + part);
    };
    const auto output = unet.forward(sample, times[i].expand({sample.size(0)}),
                                     golden.at("unet/encoder_hidden_states"),
                                     {.timestep_cond = condition, .observe = observe});
    compare.expect(fmt::format("unet/output[{}]", i), output, golden.at("unet/output")[i]);
  }
  for (const auto& [name, tensor] : golden)
    if (name.starts_with("unet/at_t")) {
      EXPECT_TRUE(parts_seen.count(name)) << name << " was never produced";
    }
}

void check_transformer(const Loaded& loaded, const StateDict& golden, Comparison& compare) {
  const auto network = loaded.network<MMDiT>("transformer", loaded.spec.transformer);
  const auto& sample = golden.at("mmdit/sample");
  const auto& times = golden.at("mmdit/timesteps");
  std::set<std::string> parts_seen;
  for (std::int64_t i = 0; i < times.size(0); ++i) {
    const auto at = fmt::format("mmdit/at_t{}/", times[i].item<float>());
    const auto observe = [&](const std::string& part, const Tensor& output) {
      if (!has(golden, at + part)) return;
      compare.expect(at + part, output, golden.at(at + part));
      parts_seen.insert(at + part);
    };
    const auto output = network.forward(
        sample, times[i].expand({sample.size(0)}), golden.at("mmdit/encoder_hidden_states"),
        golden.at("mmdit/pooled_projections"), {.observe = observe});
    compare.expect(fmt::format("mmdit/output[{}]", i), output, golden.at("mmdit/output")[i]);
  }
  for (const auto& [name, tensor] : golden)
    if (name.starts_with("mmdit/at_t")) {
      EXPECT_TRUE(parts_seen.count(name)) << name << " was never produced";
    }
}

/// The first of SD 3's text encoders.
void check_first_text(const Loaded& loaded, const StateDict& golden, Comparison& compare) {
  const auto model = loaded.network<ClipTextModel>("text_encoder", loaded.spec.text);
  const auto out = model.forward(golden.at("text_1/input_ids"));
  compare.expect("text_1/last_hidden_state", out.last_hidden,
                 golden.at("text_1/last_hidden_state"));
  compare.expect("text_1/text_embeds", out.text_embeds, golden.at("text_1/text_embeds"));
}

void check_vae(const Loaded& loaded, const StateDict& golden, Comparison& compare) {
  const auto vae = loaded.network<AutoencoderKL>("vae", loaded.spec.vae);
  const auto moments = vae.encode_moments(golden.at("vae/image"));
  compare.expect("vae/moments", moments, golden.at("vae/moments"));
  compare.expect("vae/latent_sample", sample_moments(moments, golden.at("vae/posterior_noise")),
                 golden.at("vae/latent_sample"));
  compare.expect("vae/decoded", vae.decode(golden.at("vae/latent")), golden.at("vae/decoded"));
}

void check_tiny_vae(const fs::path& folder, const StateDict& golden, Comparison& compare) {
  const auto config = read_model_config<TinyVaeConfig>(read_json(folder / "diffusers/config.json"),
                                                       folder.string());
  const auto published =
      tiny_vae_from_published(load_state_dict(folder / "taesd_encoder.safetensors"),
                              load_state_dict(folder / "taesd_decoder.safetensors"));
  for (const auto& state :
       {published, load_state_dict(folder / "diffusers/diffusion_pytorch_model.safetensors")}) {
    TinyAutoencoder vae(config);
    bind(vae, state, folder.string());
    compare.expect("encoded", vae.encode(golden.at("image_01") * 2 - 1), golden.at("encoded"));
    compare.expect("decoded_01", vae.decode(golden.at("latent")) * 0.5 + 0.5,
                   golden.at("decoded_01"));
    compare.expect("diffusers_decoded_m11", vae.decode(golden.at("latent")),
                   golden.at("diffusers_decoded_m11"));
  }
}

/// Why a folder belongs to later work; empty when this test covers it.
std::string not_covered(const std::string& family, const fs::path& folder) {
  const auto name = folder.filename().string();
  for (const auto& [part, why] : std::initializer_list<std::pair<const char*, const char*>>{
           {"controlnet", "ControlNet"},
           {"ip_adapter", "IP-Adapter"},
           {"lora", "LoRA"},
           {"textual_inversion", "textual inversion"},
           {"sdxl", "SDXL"}})
    if (name.find(part) != std::string::npos) return why + std::string(" comes later");
  if (family.starts_with("SD1") || family.starts_with("SD2") || family.starts_with("SD3") ||
      family.starts_with("LCM") || family.starts_with("TAESD"))
    return "";
  return "family \"" + family + "\" is not known here";
}

TEST(ReferenceModels, EveryCaseOfTheFolder) {
  const torch::InferenceMode no_gradients;
  const auto root = reference_folder() / "models";
  ASSERT_TRUE(fs::is_directory(root))
      << root << " is missing; set SUMI_REFERENCE to a folder of cases";
  int covered = 0;
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_directory()) folders.insert(entry.path());
  for (const auto& folder : folders) {
    if (!fs::exists(folder / "goldens.json")) {
      fmt::print("NOT COVERED {}: it has no goldens.json\n", folder.filename().string());
      continue;
    }
    const auto notes = read_json(folder / "goldens.json");
    const auto family = notes.value("family", std::string());
    if (const auto why = not_covered(family, folder); !why.empty()) {
      fmt::print("NOT COVERED {}: {}\n", folder.filename().string(), why);
      continue;
    }
    SCOPED_TRACE(folder.string());
    const auto golden = load_state_dict(folder / "goldens.safetensors");
    const auto name = folder.filename().string();
    if (family.starts_with("TAESD")) {
      Comparison compare(name);
      check_tiny_vae(folder, golden, compare);
    }
    for (const auto& loaded : layouts_of(folder, notes)) {
      if (family.starts_with("TAESD")) break;
      Comparison compare(name + "/" + loaded.layout);
      const auto& prediction = loaded.spec.prediction_type;
      if (has(golden, "mmdit/sample")) {
        EXPECT_EQ(prediction, "flow");
        check_transformer(loaded, golden, compare);
      }
      if (has(golden, "text_1/input_ids") && loaded.layout == "diffusers")
        check_first_text(loaded, golden, compare);
      EXPECT_EQ(prediction, notes.value("prediction_type", prediction));
      if (has(golden, "text/input_ids")) check_text(loaded, golden, compare);
      if (has(golden, "unet/sample")) check_unet(loaded, golden, compare);
      if (has(golden, "vae/image")) check_vae(loaded, golden, compare);
    }
    ++covered;
  }
  EXPECT_GT(covered, 0) << "no case of a known family under " << root;
}

}  // namespace
}  // namespace sumi
