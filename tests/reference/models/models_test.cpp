// Networks against recorded inputs and outputs of the published implementations: whatever folders
// the reference holds under models/. Families of later work are named as not covered.

#include <fmt/core.h>

#include <cmath>
#include <set>

#include "core/json.h"
#include "models/clip_text.h"
#include "models/tiny_vae.h"
#include "models/unet.h"
#include "models/vae.h"
#include "reference_case.h"
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

std::string weight_file_in(const fs::path& folder) {
  for (const auto* name : {"diffusion_pytorch_model.safetensors", "model.safetensors"})
    if (fs::exists(folder / name)) return folder / name;
  throw Error("no weights in " + folder.string());
}

template <class Network>
void bind_folder(Network& network, const fs::path& folder) {
  bind(network, load_state_dict(weight_file_in(folder)), folder.string());
}

bool has(const StateDict& golden, const std::string& name) { return golden.count(name) > 0; }

void check_text(const fs::path& folder, const StateDict& golden, Comparison& compare) {
  ClipTextModel model(read_clip_text_config(read_json(folder / "config.json"), folder.string()));
  bind_folder(model, folder);
  const auto out = model.forward(golden.at("text/input_ids"));
  compare.expect("text/last_hidden_state", out.last_hidden, golden.at("text/last_hidden_state"));
  compare.expect("text/pooler_output", out.pooled, golden.at("text/pooler_output"));
  const auto layers = out.hidden_states.size();
  int recorded = 0;
  for (std::size_t i = 0; i < layers; ++i)
    if (const auto name = fmt::format("text/hidden_states.{:02}", i); has(golden, name)) {
      const auto& theirs = golden.at(name);
      compare.expect(name, out.hidden_states[i].narrow(0, 0, theirs.size(0)), theirs);
      ++recorded;
    }
  EXPECT_GT(recorded, 0);
  // Of the file's layers. SD 2's folders hold one layer fewer than the published tower, so that its
  // second-to-last is their last.
  if (has(golden, "text/open_clip_penultimate_final_norm"))
    compare.expect("text/open_clip_penultimate_final_norm", out.last_hidden,
                   golden.at("text/open_clip_penultimate_final_norm"));
  const auto& penultimate = out.hidden_states[layers - 2];
  compare.expect("text/penultimate", penultimate, golden.at("text/penultimate"));
  compare.expect("text/penultimate_final_norm", model.final_norm(penultimate),
                 golden.at("text/penultimate_final_norm"));
}

void check_unet(const fs::path& folder, const StateDict& golden, Comparison& compare) {
  UNet unet(read_unet_config(read_json(folder / "config.json"), folder.string()));
  bind_folder(unet, folder);
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
                                     golden.at("unet/encoder_hidden_states"), condition, observe);
    compare.expect(fmt::format("unet/output[{}]", i), output, golden.at("unet/output")[i]);
  }
  for (const auto& [name, tensor] : golden)
    if (name.starts_with("unet/at_t")) {
      EXPECT_TRUE(parts_seen.count(name)) << name << " was never produced";
    }
}

void check_vae(const fs::path& folder, const StateDict& golden, Comparison& compare) {
  AutoencoderKL vae(
      VaeConfig(read_model_config<VaeConfig>(read_json(folder / "config.json"), folder.string())));
  bind_folder(vae, folder);
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
  for (const auto& state : {published, load_state_dict(weight_file_in(folder / "diffusers"))}) {
    TinyAutoencoder vae(config);
    bind(vae, state, folder.string());
    compare.expect("encoded", vae.encode(golden.at("image_01") * 2 - 1), golden.at("encoded"));
    compare.expect("decoded_01", vae.decode(golden.at("latent")) * 0.5 + 0.5,
                   golden.at("decoded_01"));
    compare.expect("diffusers_decoded_m11", vae.decode(golden.at("latent")),
                   golden.at("diffusers_decoded_m11"));
  }
}

/// Folder of a network inside a case, in either of the two places; empty when it is not there.
fs::path component(const fs::path& folder, const std::string& name) {
  for (const auto& place : {folder / "diffusers" / name, folder / name})
    if (fs::is_directory(place)) return place;
  return {};
}

/// Why a folder belongs to later work; empty when this test covers it.
std::string not_covered(const std::string& family, const fs::path& folder) {
  const auto name = folder.filename().string();
  for (const auto& [part, why] : std::initializer_list<std::pair<const char*, const char*>>{
           {"controlnet", "ControlNet"},
           {"ip_adapter", "IP-Adapter"},
           {"lora", "LoRA"},
           {"textual_inversion", "textual inversion"},
           {"sdxl", "SDXL"},
           {"sd35", "SD3.5"},
           {"sd3_", "SD3"}})
    if (name.find(part) != std::string::npos) return why + std::string(" comes later");
  if (family.starts_with("SD1") || family.starts_with("SD2") || family.starts_with("LCM") ||
      family.starts_with("TAESD"))
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
    const auto family = read_json(folder / "goldens.json").value("family", std::string());
    if (const auto why = not_covered(family, folder); !why.empty()) {
      fmt::print("NOT COVERED {}: {}\n", folder.filename().string(), why);
      continue;
    }
    SCOPED_TRACE(folder.string());
    const auto golden = load_state_dict(folder / "goldens.safetensors");
    Comparison compare(folder.filename().string());
    if (family.starts_with("TAESD")) check_tiny_vae(folder, golden, compare);
    if (has(golden, "text/input_ids"))
      check_text(component(folder, "text_encoder"), golden, compare);
    if (has(golden, "unet/sample")) check_unet(component(folder, "unet"), golden, compare);
    if (has(golden, "vae/image")) check_vae(component(folder, "vae"), golden, compare);
    ++covered;
  }
  EXPECT_GT(covered, 0) << "no case of a known family under " << root;
}

}  // namespace
}  // namespace sumi
