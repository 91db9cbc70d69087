#include "training/objective.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "core/error.h"
#include "training/captions.h"
#include "training/randomness.h"

namespace sumi {
namespace {

ScheduleConfig process(const std::string& prediction) {
  ScheduleConfig config;
  config.prediction_type = prediction;
  if (prediction == "flow") config.beta_schedule = "flow";
  return config;
}

/// What an error of clean of one counts for, from each paper's own formula.
double weight_of_clean(const ObjectiveConfig& config, double snr) {
  if (config.weighting == "min_snr") return std::min(snr, config.min_snr_gamma);
  const double of_epsilon = config.weighting == "debiased"
                                ? 1 / std::sqrt(snr)
                                : 1 / std::pow(config.p2_k + snr, config.p2_gamma);
  return of_epsilon * snr;  // |epsilon error|² = SNR |clean error|²
}

TEST(Weighting, IsThePapersWhateverTheNetworkPredicts) {
  for (const std::string prediction : {"epsilon", "v_prediction", "sample", "flow"})
    for (const std::string weighting : {"min_snr", "debiased", "p2"}) {
      ObjectiveConfig config;
      config.weighting = weighting;
      config.p2_gamma = 0.5;
      const Objective objective(process(prediction), config);
      for (const double t : {20.0, 300.0, 700.0, 980.0}) {
        const NoiseLevel level = objective.schedule.level(t);
        const double snr = level.alpha * level.alpha / (level.sigma * level.sigma);
        const double out = prediction == "epsilon"        ? level.sigma / level.alpha
                           : prediction == "v_prediction" ? level.sigma
                           : prediction == "sample"       ? 1
                                                          : level.sigma;
        EXPECT_NEAR(error_weight(objective, level) / (weight_of_clean(config, snr) * out * out), 1,
                    1e-5)
            << prediction << ' ' << weighting << ' ' << t;
      }
      config.weighting = "uniform";
      EXPECT_EQ(error_weight(Objective(process(prediction), config), {0.6, 0.8}), 1);
    }
}

TEST(Weighting, IsFiniteAtBothEnds) {
  for (const std::string weighting : {"uniform", "min_snr", "debiased", "p2"})
    for (const NoiseLevel level : {NoiseLevel{1, 0}, NoiseLevel{0, 1}}) {
      ObjectiveConfig config;
      config.weighting = weighting;
      EXPECT_TRUE(std::isfinite(error_weight(Objective(process("v_prediction"), config), level)));
      EXPECT_TRUE(std::isfinite(error_weight(Objective(process("flow"), config), level)));
    }
}

TEST(ZeroTerminalSnr, EndsInPureNoiseAndIsTaughtThere) {
  ScheduleConfig config = process("v_prediction");
  config.rescale_betas_zero_snr = true;
  ObjectiveConfig taught;
  taught.weighting = "uniform";
  check(taught, config);
  const Objective objective(config, taught);
  EXPECT_EQ(objective.schedule.level(999).alpha, 0);
  const Tensor clean = at::randn({1, 4, 3, 5}), noise = at::randn({1, 4, 3, 5});
  const Network network = [&](const Tensor& input, const Tensor&) {
    EXPECT_LT((input - noise).abs().max().item<double>(), 1e-6);
    return -clean;  // v where nothing but noise is left
  };
  const Tensor last = at::full({1}, 999.0f);
  EXPECT_NEAR(diffusion_loss(objective, network, clean, noise, last).item<double>(), 0, 1e-10);

  taught.weighting = "min_snr";
  EXPECT_THROW(check(taught, config), Error);
  config.prediction_type = "epsilon";
  taught.weighting = "uniform";
  EXPECT_THROW(check(taught, config), Error);
}

TEST(Flow, TeachesNoiseMinusClean) {
  ObjectiveConfig taught;
  taught.weighting = "uniform";
  const Objective objective(process("flow"), taught);
  const Tensor clean = at::randn({3, 4, 1, 2}), noise = at::randn({3, 4, 1, 2});
  const Tensor t = torch::tensor({1.5f, 400.25f, 999.5f});
  const Network network = [&](const Tensor& input, const Tensor& time) {
    const Tensor share = (time / 1000).view({3, 1, 1, 1});
    EXPECT_LT((input - (clean * (1 - share) + noise * share)).abs().max().item<double>(), 1e-5);
    return noise - clean;
  };
  EXPECT_LT(diffusion_loss(objective, network, clean, noise, t).item<double>(), 1e-10);
  EXPECT_THROW(check(taught,
                     [] {
                       auto mixed = process("flow");
                       mixed.prediction_type = "epsilon";
                       return mixed;
                     }()),
               Error);
}

TEST(Timesteps, LogitNormalHasItsMoments) {
  ObjectiveConfig taught;
  taught.timesteps = "logit_normal";
  taught.logit_mean = -0.5;
  taught.logit_deviation = 1.5;
  const Objective objective(process("flow"), taught);
  const Tensor t = stratified_timesteps(objective, 20000, 4) / 1000;
  EXPECT_GT(t.min().item<double>(), 0);
  EXPECT_LT(t.max().item<double>(), 1);
  const Tensor logit = (t / (1 - t)).log();
  EXPECT_NEAR(logit.mean().item<double>(), -0.5, 0.01);
  EXPECT_NEAR(logit.std().item<double>(), 1.5, 0.01);
  const Objective stepped(process("epsilon"), taught);
  const Tensor whole = stratified_timesteps(stepped, 64, 4);
  EXPECT_TRUE(whole.equal(whole.floor()));
}

TEST(Noise, PlainNoiseIsTheSeedsOwn) {
  const Tensor noise = training_noise({}, {2, 4, 3, 5}, 9);
  EXPECT_TRUE(noise.equal(at::randn({2, 4, 3, 5}, generator_of(9), torch::TensorOptions())));
}

TEST(Noise, AnOffsetMovesWholeChannels) {
  ObjectiveConfig config;
  config.noise_offset = 0.3;
  const Tensor moved = training_noise(config, {500, 4, 5, 3}, 9);
  const Tensor offset = moved - training_noise({}, {500, 4, 5, 3}, 9);
  EXPECT_LT((offset - offset.mean({2, 3}, true)).abs().max().item<double>(), 1e-6);
  EXPECT_NEAR(offset.std().item<double>(), 0.3, 0.02);
}

TEST(Noise, APyramidHasUnitVarianceAndNeighboursThatAgree) {
  ObjectiveConfig config;
  config.pyramid_discount = 0.8;
  const Tensor noise = training_noise(config, {2000, 1, 5, 8}, 3);
  EXPECT_NEAR(noise.var().item<double>(), 1, 0.03);
  // Of the levels below the pixels, all share the first two pixels of a row.
  double below = 0, share = 1;
  for (int level = 1; level <= 3; ++level) below += (share *= 0.64);
  const Tensor pair = noise.select(1, 0).select(1, 0);
  const double together = (pair.select(1, 0) * pair.select(1, 1)).mean().item<double>();
  EXPECT_NEAR(together, below / (1 + below), 0.06);
  EXPECT_EQ(training_noise(config, {1, 4, 1, 1}, 3).numel(), 4);
}

TEST(Mask, LeavesOutWhatItHides) {
  const Objective objective(process("epsilon"), {});
  const Tensor clean = at::zeros({2, 4, 2, 2}), noise = at::randn({2, 4, 2, 2});
  Tensor wrong = at::zeros({2, 4, 2, 2});
  wrong.select(3, 0).fill_(3);  // only in the left half
  const Network network = [&](const Tensor&, const Tensor&) { return noise + wrong; };
  const Tensor t = at::full({2}, 500.0f);
  Tensor masks = at::zeros({2, 1, 8, 8});
  masks.narrow(3, 4, 4).fill_(1);
  const double whole = diffusion_loss(objective, network, clean, noise, t).item<double>();
  EXPECT_GT(whole, 0.1);
  EXPECT_EQ(diffusion_loss(objective, network, clean, noise, t, masks).item<double>(), 0);
  EXPECT_NEAR(diffusion_loss(objective, network, clean, noise, t, 1 - masks).item<double>(),
              2 * whole, 1e-5);
  EXPECT_EQ(diffusion_loss(objective, network, clean, noise, t, 0 * masks).item<double>(), 0);
}

TEST(Tags, AreShuffledBehindThoseThatStay) {
  const std::string caption = "a cat, red, big,  on grass ,, night";
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto shuffled = shuffled_tags(caption, 2, seed);
    EXPECT_TRUE(shuffled.starts_with("a cat, red, ")) << shuffled;
    EXPECT_EQ(shuffled.size(), std::string("a cat, red, big, on grass, night").size());
    seen.insert(shuffled);
  }
  EXPECT_EQ(seen.size(), 6u);
  EXPECT_EQ(shuffled_tags("one", 0, 3), "one");
  EXPECT_EQ(shuffled_tags("a, b", 5, 3), "a, b");
  EXPECT_EQ(shuffled_tags("", 0, 3), "");
}

TEST(Captions, AreDroppedAtTheStatedShare) {
  ObjectiveConfig config;
  config.caption_dropout = 0.25;
  std::vector<std::string> captions(4000, "a, b, c");
  vary_captions(captions, config, 5);
  const auto empty = std::count(captions.begin(), captions.end(), std::string());
  EXPECT_NEAR(static_cast<double>(empty) / 4000, 0.25, 0.03);
  EXPECT_EQ(std::count(captions.begin(), captions.end(), std::string("a, b, c")), 4000 - empty);
}

}  // namespace
}  // namespace sumi
