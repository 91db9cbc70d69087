#include "training/objective_config.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "diffusion/parameterisation.h"

namespace sumi {
namespace {

template <std::size_t N>
void need_one_of(const char* field, const std::string& word,
                 const std::array<const char*, N>& known) {
  if (std::find(known.begin(), known.end(), word) == known.end())
    throw Error(fmt::format("objective.{}: unknown \"{}\"", field, word),
                fmt::format("use one of {}", fmt::join(known, ", ")));
}

void need_within(const char* field, double value, double least, double most) {
  if (!(value >= least && value <= most))
    throw Error(fmt::format("objective.{}: {} is not in {} to {}", field, value, least, most),
                fmt::format("use a number from {} to {}", least, most));
}

/// A process that ends in pure noise is sampled from there, so that its end has to be taught.
void check_end(const ObjectiveConfig& config, const ScheduleConfig& process) {
  if (!process.rescale_betas_zero_snr) return;
  if (prediction_of(process.prediction_type) == Prediction::epsilon)
    throw Error("scheduler.prediction_type: epsilon says nothing where no signal is left",
                "with rescale_betas_zero_snr use v_prediction or sample");
  if (config.weighting != "uniform")
    throw Error(fmt::format("objective.weighting: {} gives the last timestep of "
                            "rescale_betas_zero_snr no weight at all",
                            config.weighting),
                "use uniform");
}

}  // namespace

void check(const ObjectiveConfig& config, const ScheduleConfig& process) {
  need_one_of("weighting", config.weighting, std::array{"uniform", "min_snr", "debiased", "p2"});
  need_one_of("timesteps", config.timesteps, std::array{"uniform", "logit_normal"});
  need_within("min_snr_gamma", config.min_snr_gamma, 1e-3, 1000);
  need_within("p2_k", config.p2_k, 1e-3, 1000);
  need_within("p2_gamma", config.p2_gamma, 0, 10);
  need_within("logit_mean", config.logit_mean, -10, 10);
  need_within("logit_deviation", config.logit_deviation, 0.01, 10);
  need_within("noise_offset", config.noise_offset, 0, 1);
  need_within("pyramid_discount", config.pyramid_discount, 0, 0.99);
  need_within("caption_dropout", config.caption_dropout, 0, 1);
  need_within("keep_tags", config.keep_tags, 0, 1000);
  const bool flows = process.beta_schedule == "flow";
  if (flows != (prediction_of(process.prediction_type) == Prediction::flow))
    throw Error("scheduler.prediction_type: flow belongs to beta_schedule flow, and to no other",
                "give both \"flow\", or neither");
  check_end(config, process);
}

}  // namespace sumi
