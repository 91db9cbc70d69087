#include <set>

#include "diffusion/plan.h"

namespace sumi {
namespace {

/// A scheduler class of diffusers 0.31 and what its constructor assumes beyond common_defaults().
struct SchedulerClass {
  std::string_view name;
  void (*assume)(ScheduleConfig&);
};

ScheduleConfig common_defaults() {
  ScheduleConfig config;
  config.beta_schedule = "linear";
  config.beta_start = 0.0001;
  config.beta_end = 0.02;
  config.timestep_spacing = "linspace";
  config.steps_offset = 0;
  config.set_alpha_to_one = true;
  return config;
}

void clipping(ScheduleConfig& c) {
  c.timestep_spacing = "leading";
  c.clip_sample = true;
}
void pndm(ScheduleConfig& c) {
  c.timestep_spacing = "leading";
  c.skip_prk_steps = false;
  c.set_alpha_to_one = false;
}
void narrow_betas(ScheduleConfig& c) {
  c.beta_start = 0.00085;
  c.beta_end = 0.012;
}
void distilled(ScheduleConfig& c) {
  narrow_betas(c);
  c.beta_schedule = "scaled_linear";
  c.timestep_spacing = "leading";
}
void edm(ScheduleConfig& c) {
  c.beta_schedule = "edm";
  c.timestep_spacing = "karras";
  c.sigma_min = 0.002;
  c.sigma_max = 80;
  c.sigma_data = 0.5;
}
void flow(ScheduleConfig& c) {
  c.beta_schedule = "flow";
  c.prediction_type = "flow";
}
void angle(ScheduleConfig& c) {
  c.beta_schedule = "angle";
  c.prediction_type = "v_prediction";
}
void ending_at_sigma_min(ScheduleConfig& c) { c.final_sigmas_type = "sigma_min"; }
void without_lower_order(ScheduleConfig& c) { c.lower_order_final = false; }
void nothing(ScheduleConfig&) {}

constexpr SchedulerClass kClasses[] = {
    {"DDIMScheduler", clipping},
    {"DDIMInverseScheduler", clipping},
    {"DDPMScheduler", clipping},
    {"PNDMScheduler", pndm},
    {"IPNDMScheduler", angle},
    {"LMSDiscreteScheduler", nothing},
    {"EulerDiscreteScheduler", nothing},
    {"EulerAncestralDiscreteScheduler", nothing},
    {"HeunDiscreteScheduler", narrow_betas},
    {"KDPM2DiscreteScheduler", narrow_betas},
    {"KDPM2AncestralDiscreteScheduler", narrow_betas},
    {"DPMSolverSDEScheduler", narrow_betas},
    {"DPMSolverMultistepScheduler", nothing},
    {"DPMSolverSinglestepScheduler", without_lower_order},
    {"DEISMultistepScheduler", ending_at_sigma_min},
    {"UniPCMultistepScheduler", nothing},
    {"LCMScheduler", distilled},
    {"TCDScheduler", distilled},
    {"EDMEulerScheduler", edm},
    {"EDMDPMSolverMultistepScheduler", edm},
    {"FlowMatchEulerDiscreteScheduler", flow},
    {"FlowMatchHeunDiscreteScheduler", flow},
};

/// The known fields of a scheduler_config.json, without nulls.
Json known_fields(const Json& json) {
  std::set<std::string> known;
  ScheduleConfig fields;
  ScheduleConfig::fields(fields,
                         [&](const char* name, const auto&, const char*) { known.insert(name); });
  Json kept = Json::object();
  for (const auto& [key, value] : json.items())
    if (known.contains(key) && !value.is_null()) kept[key] = value;
  return kept;
}

/// How diffusers makes whole timesteps of the fractional ones that a spacing by sigma gives.
void set_rounding(ScheduleConfig& config, const Sampler& sampler) {
  const bool even_in_ratio = config.use_karras_sigmas || config.use_lu_lambdas;
  const bool from_table = config.use_exponential_sigmas || config.use_beta_sigmas;
  if (sampler.grid == Grid::preserving && config.beta_schedule != "edm") {
    if (even_in_ratio) config.timestep_rounding = "nearest";
    if (from_table) config.timestep_rounding = "down";
    config.sigmas_in_table_order = from_table;
  }
  if (sampler.name.starts_with("DPM2") && config.use_karras_sigmas)
    config.timestep_rounding = "nearest";
}

}  // namespace

DiffusersScheduler read_diffusers_scheduler(const Json& json, const std::string& where) {
  if (!json.is_object()) throw Error(fmt::format("{}: expected an object", where), "write { … }");
  const auto found = json.find("_class_name");
  if (found == json.end() || !found->is_string())
    throw Error(fmt::format("{}: no \"_class_name\"", where), "is this a scheduler_config.json?");
  const auto name = found->get<std::string>();
  for (const auto& row : kClasses) {
    if (row.name != name) continue;
    DiffusersScheduler result{&find_sampler(name), common_defaults()};
    row.assume(result.config);
    from_json(known_fields(json), result.config, where);
    if (json.value("sigma_schedule", Json("karras")) == "exponential")
      result.config.timestep_spacing = "exponential";
    set_rounding(result.config, *result.sampler);
    return result;
  }
  std::vector<std::string_view> names;
  for (const auto& row : kClasses) names.push_back(row.name);
  throw Error(fmt::format("{}: unknown scheduler \"{}\"", where, name),
              fmt::format("known: {}", fmt::join(names, ", ")));
}

}  // namespace sumi
