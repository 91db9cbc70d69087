#pragma once

#include <string>

#include "core/config.h"
#include "diffusion/schedule.h"

namespace sumi {

/// How diffusion is taught.
struct ObjectiveConfig {
  std::string weighting = "min_snr";
  double min_snr_gamma = 5;
  double p2_k = 1;
  double p2_gamma = 1;
  std::string timesteps = "uniform";
  double logit_mean = 0;
  double logit_deviation = 1;
  double noise_offset = 0;
  double pyramid_discount = 0;
  double caption_dropout = 0.1;
  bool shuffle_tags = false;
  int keep_tags = 1;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("weighting", self.weighting, "of the noise levels: uniform, min_snr, debiased or p2");
    visit("min_snr_gamma", self.min_snr_gamma, "highest weight of min_snr, 0.001 to 1000");
    visit("p2_k", self.p2_k, "p2: added to the signal-to-noise ratio, 0.001 to 1000");
    visit("p2_gamma", self.p2_gamma, "p2: power of the ratio that is divided by, 0 to 10");
    visit("timesteps", self.timesteps, "which are taught most: uniform or logit_normal");
    visit("logit_mean", self.logit_mean, "logit_normal: centre of log(t / (1 - t)), -10 to 10");
    visit("logit_deviation", self.logit_deviation, "logit_normal: its spread, 0.01 to 10");
    visit("noise_offset", self.noise_offset,
          "deviation of a noise that is one number per channel, 0 to 1, e.g. 0.05; 0: none");
    visit("pyramid_discount", self.pyramid_discount,
          "share of each coarser noise to the one before, 0 to below 1, e.g. 0.4; 0: none");
    visit("caption_dropout", self.caption_dropout, "share of samples taught without their caption");
    visit("shuffle_tags", self.shuffle_tags,
          "whether the parts of a caption between commas come in a new order each time");
    visit("keep_tags", self.keep_tags, "shuffle_tags: first parts that keep their place");
  }
};

/// Throws Error naming the field when a value makes no sense by itself or with the forward process.
void check(const ObjectiveConfig& config, const ScheduleConfig& process);

}  // namespace sumi
