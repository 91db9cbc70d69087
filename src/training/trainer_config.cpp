#include "training/trainer_config.h"

#include "core/error.h"

namespace sumi {

void check(const TrainerConfig& config) {
  const auto at_least = [](const char* field, std::int64_t value, std::int64_t least) {
    if (value < least)
      throw Error(fmt::format("trainer.{}: {} is less than {}", field, value, least),
                  fmt::format("use {} or more", least));
  };
  at_least("batch_size", config.batch_size, 1);
  at_least("accumulation", config.accumulation, 1);
  at_least("samples", config.samples, std::int64_t{config.batch_size} * config.accumulation);
  at_least("log_every", config.log_every, 1);
  at_least("validate_every", config.validate_every, 1);
  at_least("save_every", config.save_every, 1);
  at_least("non_finite_limit", config.non_finite_limit, 1);
  at_least("rollback_limit", config.rollback_limit, 0);
  at_least("patience", config.patience, 0);
  at_least("profile_every", config.profile_every, 0);
  const double profile = config.result_profile;
  if (profile != 0 && !(profile >= 0.01 && profile <= 0.25))
    throw Error(fmt::format("trainer.result_profile: {} is neither 0 nor in 0.01 to 0.25", profile),
                "0.1 averages about the last tenth of the run");
  if (profile != 0 && config.profile_every == 0)
    throw Error("trainer.profile_every: it is 0, so that result_profile has nothing to be made of",
                "give it a twentieth of trainer.samples, say");
  if (!(config.ema_decay >= 0 && config.ema_decay < 1))
    throw Error(fmt::format("trainer.ema_decay: {} is not in 0 to 1", config.ema_decay),
                "0.999 averages the last thousand updates");
  if (!(config.max_damaged >= 0 && config.max_damaged <= 1))
    throw Error(fmt::format("trainer.max_damaged: {} is not in 0 to 1", config.max_damaged),
                "0.2 stops when more than a fifth of the samples is damaged");
  if (config.precision != "fp32" && config.precision != "bf16")
    throw Error(fmt::format("trainer.precision: unknown \"{}\"", config.precision),
                "use fp32 or bf16");
  if (config.offload != "none" && config.offload != "optimiser" && config.offload != "all")
    throw Error(fmt::format("trainer.offload: unknown \"{}\"", config.offload),
                "use none, optimiser or all");
  check(config.learning_rate);
  check(config.optimiser);
}

void check_shared(const TrainerConfig& config, int processes) {
  if (config.accumulation % processes == 0) return;
  const int whole = config.batch_size * config.accumulation;
  throw Error(fmt::format("trainer.accumulation: {} batches per update cannot be shared by {} "
                          "processes",
                          config.accumulation, processes),
              whole % processes == 0
                  ? fmt::format("the same {} samples per update are batch_size {}, accumulation {}",
                                whole, whole / processes, processes)
                  : fmt::format("give a multiple of {}", processes));
}

}  // namespace sumi
