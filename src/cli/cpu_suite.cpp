#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "cli/drawing_peak.h"
#include "cli/measurement.h"
#include "cli/plain_unet.h"
#include "cli/random_model.h"
#include "cli/trajectories.h"
#include "nn/attention.h"
#include "nn/kernels/byte_layers.h"
#include "nn/trace.h"
#include "pipelines/generate.h"

namespace sumi {
namespace {

/// The U-Net of SD 1.5 with random weights and one guided step's input at 512 x 512.
struct UNetCase {
  UNet unet{UNetConfig{}};
  Tensor sample = torch::randn({2, 4, 64, 64});
  Tensor timesteps = torch::full({2}, 500.0);
  Tensor context = torch::randn({2, 77, 768});

  UNetCase() { fill_at_random(unet); }
  Tensor run() const { return unet.forward(sample, timesteps, context); }
};

Json compare_unet(const BenchCommand& command, Precision precision, const char* key) {
  start_torch(runtime_of(command));
  const torch::NoGradGuard no_grad;
  const UNetCase c;
  UNet ours = c.unet;
  set_precision(ours, precision);
  const PlainUNet plain(UNetConfig{}, state_of(c.unet));
  Tensor a, b;
  c.run();  // measures each layer and lays the weights out
  const auto seconds = time_alternately(
      [&] { a = c.run(); }, [&] { b = plain.forward(c.sample, c.timesteps, c.context); },
      command.repeats);
  return {{"value", seconds.theirs / seconds.ours},
          {"seconds_libtorch", seconds.theirs},
          {"snr_db", snr_db(b, a)},
          {"also", {{"seconds", {{key, seconds.ours}}}}}};
}

Json unet_fp32(const BenchCommand& command) {
  return compare_unet(command, Precision::fp32, "unet_sd15_fp32");
}

Json unet_auto(const BenchCommand& command) {
  return compare_unet(command, multiplies_bytes() ? Precision::int8 : Precision::fp32,
                      "unet_sd15_auto");
}

/// Seconds of a call's product in int8 by oneDNN alone, on bytes that are there already.
double bare_seconds(const LayerCall& call, int repeats) {
  const auto& shape = call.convolution;
  const auto weight = torch::randn({shape.out * shape.in * shape.kernel * shape.kernel});
  const auto& size = call.size;
  const auto made = shape.output(size);
  const bool linear = call.kind == LayerCall::Kind::linear;
  std::vector<float> out(
      static_cast<std::size_t>(linear ? size.width * shape.out : made.pixels() * shape.out));
  const Quantisation quantisation{0.01f, 128};
  std::vector<double> seconds;
  const auto time = [&](const auto& work) {
    work();
    for (int i = 0; i < repeats; ++i) seconds.push_back(seconds_of(work));
  };
  if (linear) {
    ByteLinear layer(shape.in, shape.out, weight.data_ptr<float>(), nullptr);
    std::vector<std::uint8_t> x(static_cast<std::size_t>(size.width * shape.in), 100);
    time([&] { (void)layer.run(x.data(), quantisation, size.width, out.data()); });
  } else {
    ByteConvolution layer(shape, weight.data_ptr<float>(), nullptr);
    ByteImage image{nullptr, size.batch, size.height, size.width, shape.in, shape.padding};
    std::vector<std::uint8_t> x(static_cast<std::size_t>(image.size()), 100);
    image.data = x.data();
    time([&] { (void)layer.run(image, quantisation, out.data()); });
  }
  return median(seconds);
}

/// The whole int8 pass against the same convolutions and products by oneDNN alone: the ratio of
/// their rates, where the pass's operations count all products, attention's included.
Json int8_of_onednn(const BenchCommand& command) {
  start_torch(runtime_of(command));
  const torch::NoGradGuard no_grad;
  if (!multiplies_bytes())
    throw Error("this processor has no VNNI", "leave unet_int8_of_onednn out with --only");
  const UNetCase c;
  UNet ours = c.unet;
  set_precision(ours, Precision::int8);
  c.run();
  std::vector<LayerCall> calls;
  {
    LayerTrace trace;
    c.run();
    calls = trace.calls;
  }
  std::vector<double> passes;
  for (int i = 0; i < command.repeats; ++i) passes.push_back(seconds_of([&] { c.run(); }));
  std::map<std::string, double> bare;
  double operations = 0, product_operations = 0, product_seconds = 0;
  for (const auto& call : calls) {
    operations += call.operations;
    if (!call.in_bytes || call.kind == LayerCall::Kind::attention) continue;
    if (!bare.contains(call.shape)) bare[call.shape] = bare_seconds(call, command.repeats);
    product_operations += call.operations;
    product_seconds += bare[call.shape];
  }
  const double pass_rate = operations / median(passes);
  const double bare_rate = product_operations / product_seconds;
  return {{"value", pass_rate / bare_rate},
          {"gops_pass", pass_rate / 1e9},
          {"gops_onednn", bare_rate / 1e9},
          {"seconds_pass", median(passes)}};
}

Json attention_4096(const BenchCommand& command) {
  start_torch(runtime_of(command));
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kHeads = 8, kTokens = 4096, kWidth = 40;
  const auto q = torch::randn({1, kTokens, kHeads * kWidth}), k = torch::randn(q.sizes()),
             v = torch::randn(q.sizes());
  const auto plain = [&] {
    const auto split = [&](const Tensor& t) {
      return t.view({1, kTokens, kHeads, kWidth}).transpose(1, 2);
    };
    const auto scores = at::matmul(split(q), split(k).transpose(-2, -1)) / std::sqrt(kWidth);
    return at::matmul(at::softmax(scores, -1), split(v)).transpose(1, 2).reshape(q.sizes());
  };
  Tensor a, b;
  const auto seconds = time_alternately([&] { a = attention(q, k, v, kHeads); },
                                        [&] { b = plain(); }, command.repeats);
  const double operations = 4.0 * kHeads * kWidth * kTokens * kTokens;
  return {{"value", seconds.theirs / seconds.ours},
          {"gflops", operations / seconds.ours / 1e9},
          {"largest_relative_difference", ((a - b).abs().max() / b.abs().max()).item<double>()},
          {"also", {{"seconds", {{"attention_4096", seconds.ours}}}}}};
}

/// Decoding 512 x 512 against the same layers as LibTorch's calls: what they fall back to where
/// gradients may be asked for.
Json compare_decode(const BenchCommand& command, Precision precision, const char* key) {
  start_torch(runtime_of(command));
  AutoencoderKL vae{VaeConfig{}};
  fill_at_random(vae);
  set_precision(vae, precision);
  const auto latents = torch::randn({1, 4, 64, 64});
  Tensor a, b;
  const auto ours = [&] {
    const torch::NoGradGuard no_grad;
    a = vae.decode(latents);
  };
  ours();
  const auto peak = peak_memory_bytes();
  const auto seconds = time_alternately(
      ours, [&] { b = vae.decode(latents); }, command.repeats);
  return {{"value", seconds.theirs / seconds.ours},
          {"seconds_libtorch", seconds.theirs},
          {"snr_db", snr_db(b, a)},
          {"peak_bytes_ours", peak},
          {"also", {{"seconds", {{key, seconds.ours}}}, {"bytes", {{key, peak}}}}}};
}

Json decode_fp32(const BenchCommand& command) {
  return compare_decode(command, Precision::fp32, "vae_decode");
}

/// What the autoencoder of a large model takes with `--precision auto` (use_precision).
Json decode_auto(const BenchCommand& command) {
  return compare_decode(command, Precision::int16, "vae_decode_auto");
}

Json int8_peak(const BenchCommand& command) { return drawing_peak(command, "auto"); }

/// Final pictures of the model that comes with Sumi, int8 against fp32 over the whole trajectory.
Json embedded_int8(const BenchCommand& command) {
  const auto runtime = runtime_of(command);
  GenerateRequest exact;
  exact.precision = "fp32";
  auto coded = exact;
  coded.precision = "int8";
  const auto models = load_models(exact, runtime);
  const auto a = draw_one_by_one(*models, measured_requests(exact), runtime);
  auto seen = compare_pictures(a, draw_one_by_one(*models, measured_requests(coded), runtime));
  seen["value"] = seen["psnr_db"];
  seen["pictures"] = a.size();
  return seen;
}

/// Latents of the full-size U-Net with random weights after four guided steps, int8 against fp32:
/// power over that of the error.
Json sd15_int8_latents(const BenchCommand& command) {
  constexpr int kSteps = 4;
  start_torch(runtime_of(command));
  UNet unet{UNetConfig{}};
  fill_at_random(unet);
  const Tensor exact = latents_of(unet, kSteps, {});
  set_precision(unet, Precision::int8);
  return {{"value", snr_db(exact, latents_of(unet, kSteps, {}))}, {"steps", kSteps}};
}

/// A picture of the model that comes with Sumi in few steps, sixteen at once, decoding and encoding
/// of the prompt included.
Json embedded_picture(const BenchCommand& command) {
  constexpr int kCount = 16, kSteps = 6;
  const auto runtime = runtime_of(command);
  GenerateRequest request;
  request.prompt = "a 3d render of a red apple on a blue background";
  request.seed = 1;
  request.steps = kSteps;
  request.count = request.batch_size = kCount;
  const auto models = load_models(request, runtime);
  const auto draw = [&] { generate(*models, {&request, 1}, runtime); };
  draw();
  std::vector<double> seconds;
  for (int i = 0; i < command.repeats; ++i) seconds.push_back(seconds_of(draw) / kCount);
  return {
      {"value", median(seconds)}, {"pictures_a_second", 1 / median(seconds)}, {"steps", kSteps}};
}

constexpr Measurement kCpu[] = {
    {"ratios", "unet_sd15_fp32", unet_fp32},
    {"ratios", "unet_sd15_auto", unet_auto},
    {"ratios", "unet_int8_of_onednn", int8_of_onednn},
    {"ratios", "attention_4096", attention_4096},
    {"ratios", "vae_decode", decode_fp32},
    {"ratios", "vae_decode_auto", decode_auto},
    {"seconds", "embedded_picture", embedded_picture},
    {"bytes", "sd15_int8_peak", int8_peak},
    {"psnr_db", "embedded_int8", embedded_int8},
    {"psnr_db", "sd15_int8_latents_snr", sd15_int8_latents},
};

}  // namespace

std::span<const Measurement> cpu_suite() { return kCpu; }

}  // namespace sumi
