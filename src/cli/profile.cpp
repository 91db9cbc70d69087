#include "cli/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/measurement.h"
#include "cli/random_model.h"
#include "nn/kernels/byte_layers.h"
#include "nn/trace.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"

namespace sumi {
namespace {

const char* word(LayerCall::Kind kind) {
  switch (kind) {
    case LayerCall::Kind::convolution:
      return "convolution";
    case LayerCall::Kind::linear:
      return "linear";
    case LayerCall::Kind::attention:
      return "attention";
    case LayerCall::Kind::norm:
      return "norm";
  }
  return "";
}

/// All calls of one shape within a run.
struct Row {
  LayerCall::Kind kind;
  std::string shape;
  bool in_bytes = false;
  int calls = 0;
  double seconds = 0;
  double operations = 0;
};

std::vector<Row> by_shape(const std::vector<LayerCall>& calls) {
  std::map<std::tuple<LayerCall::Kind, std::string, bool>, Row> rows;
  for (const auto& call : calls) {
    auto& row = rows[{call.kind, call.shape, call.in_bytes}];
    row.kind = call.kind;
    row.shape = call.shape;
    row.in_bytes = call.in_bytes;
    ++row.calls;
    row.seconds += call.seconds;
    row.operations += call.operations;
  }
  std::vector<Row> sorted;
  for (auto& [key, row] : rows) sorted.push_back(std::move(row));
  std::sort(sorted.begin(), sorted.end(),
            [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  return sorted;
}

/// The run of median length, after one that measures layers and lays weights out.
Json profile(const std::function<void()>& work, int repeats) {
  work();
  std::vector<std::pair<double, std::vector<Row>>> runs;
  for (int i = 0; i < repeats; ++i) {
    LayerTrace trace;
    const double seconds = seconds_of(work);
    runs.emplace_back(seconds, by_shape(trace.calls));
  }
  std::sort(runs.begin(), runs.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto& [seconds, rows] = runs[runs.size() / 2];
  Json layers = Json::array();
  for (const auto& row : rows)
    layers.push_back({{"kind", word(row.kind)},
                      {"shape", row.shape},
                      {"in_bytes", row.in_bytes},
                      {"calls", row.calls},
                      {"seconds", row.seconds},
                      {"operations", row.operations}});
  return {{"seconds", seconds}, {"layers", std::move(layers)}};
}

Json profile_unet(const BenchCommand& command, Precision precision) {
  UNet unet{UNetConfig{}};
  fill_at_random(unet);
  set_precision(unet, precision);
  const auto sample = torch::randn({2, 4, 64, 64}), context = torch::randn({2, 77, 768});
  const auto timesteps = torch::full({2}, 500.0);
  return profile([&] { unet.forward(sample, timesteps, context); }, command.repeats);
}

Json profile_decode(const BenchCommand& command) {
  AutoencoderKL vae{VaeConfig{}};
  fill_at_random(vae);
  const auto latents = torch::randn({1, 4, 64, 64});
  return profile([&] { vae.decode(latents); }, command.repeats);
}

/// The model that comes with Sumi: one guided step and the decoding of `pictures` at its own size.
void profile_own(const BenchCommand& command, int pictures, Json& result) {
  const auto models = load_models({}, runtime_of(command));
  const int down = models->coder.downscale();
  const auto height = models->defaults.height / down, width = models->defaults.width / down;
  const auto sample = torch::randn({2 * pictures, models->network.in_channels(), height, width});
  const auto context = torch::randn({2 * pictures, 77, models->network.context_width()});
  const auto timesteps = torch::full({2 * pictures}, 500.0);
  const auto name = [&](const char* network) { return fmt::format("{}_of_{}", network, pictures); };
  result[name("own_unet")] =
      profile([&] { models->network.forward(sample, timesteps, {context}); }, command.repeats);
  const auto latents = sample.narrow(0, 0, pictures).contiguous();
  result[name("own_decode")] = profile([&] { models->coder.decode(latents, {}); }, command.repeats);
}

}  // namespace

Json profile_networks(const BenchCommand& command) {
  start_torch(runtime_of(command));
  const torch::NoGradGuard no_grad;
  Json result = {{"unet_sd15_fp32", profile_unet(command, Precision::fp32)}};
  if (multiplies_bytes()) result["unet_sd15_int8"] = profile_unet(command, Precision::int8);
  result["vae_decode"] = profile_decode(command);
  for (const int pictures : {1, 16}) profile_own(command, pictures, result);
  return result;
}

void print_profile(const Json& profile) {
  for (const auto& [network, run] : profile.items()) {
    const double whole = run["seconds"];
    fmt::print("{}: {:.3f} s\n{:>8} {:>6} {:>6} {:>8}  {}\n", network, whole, "ms", "share",
               "calls", "GOP/s", "layer");
    double rest = whole;
    for (const auto& layer : run["layers"]) {
      const double seconds = layer["seconds"], operations = layer["operations"];
      rest -= seconds;
      fmt::print("{:>8.1f} {:>5.1f}% {:>6} {:>8}  {} {}{}\n", seconds * 1e3, 100 * seconds / whole,
                 layer["calls"].get<int>(),
                 operations > 0 ? fmt::format("{:.0f}", operations / seconds / 1e9) : "-",
                 layer["kind"].get<std::string>(), layer["shape"].get<std::string>(),
                 layer["in_bytes"].get<bool>() ? ", int8" : "");
    }
    fmt::print("{:>8.1f} {:>5.1f}% {:>6} {:>8}  everything between the layers\n\n", rest * 1e3,
               100 * rest / whole, "", "-");
  }
}

}  // namespace sumi
