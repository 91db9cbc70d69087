// The update rules against written-out steps in double precision.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "core/error.h"
#include "training/optimiser.h"
#include "training/randomness.h"

namespace sumi {
namespace {

/// Muon is for hidden layers; a transformer's first and last layer are not, however alike a hidden
/// layer's name is.
TEST(ParameterBuffer, KnowsTheHiddenLayers) {
  std::vector<Tensor> tensors;
  for (int i = 0; i < 7; ++i) tensors.push_back(torch::zeros({2, 3}));
  tensors.push_back(torch::zeros({3}));
  const std::vector<NamedSlot> slots = {
      {"transformer.pos_embed.proj.weight", &tensors[0]},
      {"transformer.proj_out.weight", &tensors[1]},
      {"transformer.transformer_blocks.0.attn.to_q.weight", &tensors[2]},
      {"unet.down_blocks.0.attentions.0.proj_out.weight", &tensors[3]},
      {"unet.conv_in.weight", &tensors[4]},
      {"text_encoder.text_model.embeddings.token_embedding.weight", &tensors[5]},
      {"transformer.context_embedder.weight", &tensors[6]},
      {"transformer.context_embedder.bias", &tensors[7]}};
  const ParameterBuffer buffer(slots);
  std::vector<std::int64_t> starts;
  for (const auto& matrix : matrices_of(buffer.slices())) starts.push_back(matrix.start);
  EXPECT_EQ(starts, (std::vector<std::int64_t>{32, 48, 96}));
}

Tensor noise(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, generator_of(seed), torch::TensorOptions());
}

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(DynamicCodes, AreOrderedAndSpanSevenDecades) {
  for (const bool with_sign : {true, false}) {
    const auto codes = dynamic_codes(with_sign);
    EXPECT_TRUE(std::is_sorted(codes.begin(), codes.end()));
    EXPECT_EQ(std::adjacent_find(codes.begin(), codes.end()), codes.end());
    EXPECT_EQ(codes.back(), 1);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 0.0f), 1);
    const auto least = std::upper_bound(codes.begin(), codes.end(), 0.0f);
    EXPECT_LT(*least, 1e-6f);
  }
  EXPECT_LT(dynamic_codes(true).front(), -0.99f);
}

TEST(AdamW8bit, IsAdamWInItsFirstStepAndNearItAfterwards) {
  const std::vector<ParameterSpan> spans = {{0, 700, true, 1}, {700, 1003, false, 0.5}};
  Tensor ours = noise({1003}, 1), exact = ours.clone();
  AdamW8bit bytes(ours, spans, {});
  AdamW full(exact, spans, {});
  const Tensor first = noise({1003}, 2);
  bytes.step(ours, first, 1e-2, 0.5);
  full.step(exact, first, 1e-2, 0.5);
  EXPECT_LT(largest_difference(ours, exact), 1e-6);
  for (int t = 0; t < 50; ++t) {
    const Tensor gradient = noise({1003}, 3 + t) + 0.5;
    bytes.step(ours, gradient, 1e-2);
    full.step(exact, gradient, 1e-2);
  }
  const double way = (exact - noise({1003}, 1)).norm().item<double>();
  EXPECT_LT((ours - exact).norm().item<double>(), 0.03 * way);
}

TEST(AdamW8bit, KeepsItsMomentsInAByteEach) {
  Tensor weights = at::zeros({4096});
  AdamW8bit optimiser(weights, {{0, 4096, true, 1}}, {});
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : optimiser.tensors())
    bytes += tensor.numel() * tensor.element_size();
  EXPECT_EQ(bytes, 2 * 4096 + 2 * 16 * 4);
}

/// One gradient a million times the others: their squares must not become zero.
TEST(AdamW8bit, DoesNotRunAwayWhereABlockHasOneLargeGradient) {
  Tensor weights = at::zeros({256});
  AdamW8bit optimiser(weights, {{0, 256, false, 1}}, {});
  for (int t = 0; t < 20; ++t) {
    Tensor gradient = at::full({256}, t < 10 ? 1e-3f : 0.0f);
    gradient[7] = 1e3f;
    optimiser.step(weights, gradient, 1e-2);
  }
  EXPECT_LT(weights.abs().max().item<double>(), 20 * 1e-2 * 4);
}

TEST(Adafactor, MeetsAWrittenOutStep) {
  constexpr int kRows = 3, kColumns = 4, kVector = 2;
  OptimiserConfig config;
  config.weight_decay = 0.1;
  Tensor weights = at::ones({48});
  std::vector<ParameterSlice> slices = {{0, kRows, kColumns, true, true, 1},
                                        {16, 1, kVector, false, false, 0.5}};
  Adafactor optimiser(weights, slices, config);
  double w[kRows][kColumns], r[kRows] = {}, c[kColumns] = {}, bias[kVector] = {1, 1}, v[2] = {};
  for (auto& row : w)
    for (auto& value : row) value = 1;
  for (int t = 1; t <= 4; ++t) {
    const Tensor gradient = noise({48}, static_cast<std::uint64_t>(t));
    const auto g = [&](int i, int j) { return gradient[i * kColumns + j].item<double>(); };
    optimiser.step(weights, gradient, 0.01);
    const double beta = 1 - std::pow(t, -0.8);
    double all = 0, squares = 0, update[kRows][kColumns];
    for (int i = 0; i < kRows; ++i) {
      double sum = 0;
      for (int j = 0; j < kColumns; ++j) sum += g(i, j) * g(i, j);
      r[i] = beta * r[i] + (1 - beta) * sum;
      all += r[i];
    }
    for (int j = 0; j < kColumns; ++j) {
      double sum = 0;
      for (int i = 0; i < kRows; ++i) sum += g(i, j) * g(i, j);
      c[j] = beta * c[j] + (1 - beta) * sum;
    }
    for (int i = 0; i < kRows; ++i)
      for (int j = 0; j < kColumns; ++j) {
        update[i][j] = g(i, j) / std::sqrt(r[i] * c[j] / all);
        squares += update[i][j] * update[i][j];
      }
    const double size = std::max(1.0, std::sqrt(squares / (kRows * kColumns)));
    for (int i = 0; i < kRows; ++i)
      for (int j = 0; j < kColumns; ++j) {
        w[i][j] = w[i][j] * (1 - 0.01 * 0.1) - 0.01 * update[i][j] / size;
        EXPECT_NEAR(weights[i * kColumns + j].item<double>(), w[i][j], 1e-6) << t;
      }
    double moved[kVector], length = 0;
    for (int k = 0; k < kVector; ++k) {
      const double slope = gradient[16 + k].item<double>();
      v[k] = beta * v[k] + (1 - beta) * slope * slope;
      moved[k] = slope / std::sqrt(v[k]);
      length += moved[k] * moved[k] / kVector;
    }
    for (int k = 0; k < kVector; ++k) {
      bias[k] -= 0.005 * moved[k] / std::max(1.0, std::sqrt(length));
      EXPECT_NEAR(weights[16 + k].item<double>(), bias[k], 1e-6) << t;
    }
  }
}

TEST(Prodigy, MeetsAWrittenOutStep) {
  OptimiserConfig config;
  config.kind = "prodigy";
  config.weight_decay = 0.01;
  config.prodigy_start = 1e-3;
  Tensor weights = at::ones({3});
  Prodigy optimiser(weights, {{0, 2, true, 1}, {2, 3, false, 1}}, config);
  const double b1 = config.beta1, b2 = config.beta2, b3 = std::sqrt(b2), rate = 0.9;
  double w[3] = {1, 1, 1}, m[3] = {}, v[3] = {}, s[3] = {}, r = 0, d = 1e-3;
  for (int t = 0; t < 30; ++t) {
    Tensor gradient = at::empty({3});
    double inner = 0, sum = 0, before = d;
    for (int k = 0; k < 3; ++k) {
      const double g = static_cast<float>(2 * (w[k] + 3 + k));  // a bowl around -3, -4, -5
      gradient[k] = g;
      inner += g * (1 - w[k]);
      m[k] = b1 * m[k] + (1 - b1) * d * g;
      v[k] = b2 * v[k] + (1 - b2) * d * d * g * g;
      s[k] = b3 * s[k] + (1 - b3) * rate * d * d * g;
      sum += std::abs(s[k]);
    }
    r = b3 * r + (1 - b3) * rate * d * d * inner;
    for (int k = 0; k < 3; ++k)
      w[k] = w[k] * (1 - (k < 2 ? rate * d * 0.01 : 0)) -
             rate * d * m[k] / (std::sqrt(v[k]) + d * 1e-8);
    d = std::max(before, r / sum);
    optimiser.step(weights, gradient, rate);
    EXPECT_NEAR(optimiser.distance(), d, 1e-3 * d) << t;
    for (int k = 0; k < 3; ++k) EXPECT_NEAR(weights[k].item<double>(), w[k], 1e-3) << t;
  }
  EXPECT_GT(d, 0.05);
}

/// Each rule behind one face: it goes down, and goes on from its saved state with the same bits.
TEST(Optimiser, EveryRuleLearnsAndResumesBitForBit) {
  for (const std::string kind : {"adamw", "adamw8bit", "adafactor", "prodigy"})
    for (const std::string matrices : {"adamw", "muon"}) {
      OptimiserConfig config;
      config.kind = kind;
      config.matrices = matrices;
      config.weight_decay = 0;
      const double rate = kind == "prodigy" ? 1 : 0.02;
      const auto make = [] { return std::pair{at::full({5, 7}, 1.0f), at::full({9}, -1.0f)}; };
      auto [matrix, bias] = make();
      ParameterBuffer buffer({{"matrix", &matrix}, {"bias", &bias}}, {{"bias", 0.5}});
      Optimiser optimiser(buffer, config);
      const auto distance = [&] {
        return (matrix.square().sum() + bias.square().sum()).template item<double>();
      };
      const auto walk = [&](ParameterBuffer& at, Optimiser& by, int steps) {
        for (int i = 0; i < steps; ++i) {
          at.gradients().copy_(at.weights() * 0.1);
          by.step(rate, 1);
        }
      };
      const double start = distance();
      walk(buffer, optimiser, 20);
      StateDict kept;
      for (const auto& [name, tensor] : optimiser.tensors()) kept[name] = tensor.clone();
      const Json numbers = parse_json(optimiser.numbers().dump(), "numbers");
      const Tensor weights = buffer.weights().clone();
      walk(buffer, optimiser, 20);
      EXPECT_LT(distance(), start) << kind << ' ' << matrices;

      auto [second_matrix, second_bias] = make();
      ParameterBuffer again({{"matrix", &second_matrix}, {"bias", &second_bias}}, {{"bias", 0.5}});
      Optimiser resumed(again, config);
      resumed.restore(kept, numbers);
      again.weights().copy_(weights);
      walk(again, resumed, 20);
      EXPECT_TRUE(again.weights().equal(buffer.weights())) << kind << ' ' << matrices;
    }
}

TEST(Optimiser, RefusesTheStateOfAnother) {
  Tensor matrix = at::ones({4, 4});
  ParameterBuffer buffer({{"matrix", &matrix}});
  OptimiserConfig config;
  Optimiser adamw(buffer, config);
  config.kind = "adafactor";
  Optimiser adafactor(buffer, config);
  EXPECT_THROW(adafactor.restore(adamw.tensors(), adamw.numbers()), Error);
}

TEST(RateFactors, SlowDownOnlyTheirOwn) {
  Tensor fast = at::ones({16}), slow = at::ones({16});
  ParameterBuffer buffer({{"unet.a", &fast}, {"text_encoder.a", &slow}}, {{"text_encoder.", 0.25}});
  Optimiser optimiser(buffer, {});
  buffer.gradients().fill_(1);
  optimiser.step(0.1, 1);
  EXPECT_NEAR(fast[0].item<double>(), 0.9, 1e-5);
  EXPECT_NEAR(slow[0].item<double>(), 0.975, 1e-5);
}

}  // namespace
}  // namespace sumi
