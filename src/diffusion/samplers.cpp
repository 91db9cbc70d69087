#include "diffusion/samplers.h"

#include <cctype>

#include "diffusion/solvers.h"

namespace sumi {
namespace {

constexpr Sampler kSamplers[] = {
    // name, aliases, function, grid, spacing, calls per step, uses noise, eta, order, solver
    {"Euler",
     {"EulerDiscreteScheduler", "k_euler", "FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler"},
     sample_euler,
     Grid::exploding,
     "linspace",
     1,
     false},
    {"Euler a",
     {"Euler ancestral", "EulerAncestralDiscreteScheduler", "k_euler_a"},
     sample_ddim,
     Grid::exploding,
     "linspace",
     1,
     true,
     1},
    {"Heun",
     {"HeunDiscreteScheduler", "k_heun", "FlowMatchHeunDiscreteScheduler"},
     sample_heun,
     Grid::exploding,
     "linspace",
     2,
     false},
    {"DPM2",
     {"KDPM2DiscreteScheduler", "k_dpm_2", "dpm_2"},
     sample_dpm_2,
     Grid::exploding,
     "karras",
     2,
     false},
    {"DPM2 a",
     {"KDPM2AncestralDiscreteScheduler", "k_dpm_2_a", "dpm_2_ancestral"},
     sample_dpm_2,
     Grid::exploding,
     "karras",
     2,
     true,
     1},
    {"LMS",
     {"LMSDiscreteScheduler", "k_lms"},
     sample_lms,
     Grid::exploding,
     "linspace",
     1,
     false,
     0,
     4},
    {"DPM++ 2S a",
     {"dpmpp_2s_ancestral", "k_dpmpp_2s_a", "DPM++ 2S ancestral"},
     sample_dpmpp_2s_ancestral,
     Grid::exploding,
     "karras",
     2,
     true,
     1},
    {"DPM++ 2M",
     {"DPMSolverMultistepScheduler", "dpmpp_2m", "k_dpmpp_2m", "EDMDPMSolverMultistepScheduler"},
     sample_dpm_multistep,
     Grid::preserving,
     "karras",
     1,
     false,
     0,
     2},
    {"DPM++ SDE",
     {"DPMSolverSDEScheduler", "dpmpp_sde", "k_dpmpp_sde"},
     sample_dpmpp_sde,
     Grid::exploding,
     "karras",
     2,
     true,
     1},
    {"DPM++ 2M SDE",
     {"dpmpp_2m_sde", "k_dpmpp_2m_sde"},
     sample_dpm_multistep,
     Grid::preserving,
     "karras",
     1,
     true,
     1,
     2},
    {"DPM++ 2M SDE Heun",
     {"dpmpp_2m_sde_heun", "k_dpmpp_2m_sde_heun"},
     sample_dpm_multistep,
     Grid::preserving,
     "karras",
     1,
     true,
     1,
     2,
     Solver::heun},
    {"DPM++ 3M", {"dpmpp_3m"}, sample_dpm_multistep, Grid::preserving, "linspace", 1, false, 0, 3},
    {"DPM++ 3M SDE",
     {"dpmpp_3m_sde", "k_dpmpp_3m_sde"},
     sample_dpm_multistep,
     Grid::preserving,
     "exponential",
     1,
     true,
     1,
     3,
     Solver::heun},
    {"DPM++ 2S",
     {"DPMSolverSinglestepScheduler", "dpmpp_2s"},
     sample_dpm_singlestep,
     Grid::preserving,
     "linspace",
     1,
     false,
     0,
     2},
    {"DPM fast",
     {"dpm_fast", "k_dpm_fast"},
     sample_dpm_fast,
     Grid::exploding,
     "linspace",
     1,
     false},
    {"DPM adaptive",
     {"dpm_adaptive", "k_dpm_ad"},
     sample_dpm_adaptive,
     Grid::exploding,
     "linspace",
     3,
     false,
     0,
     3},
    {"Restart", {"restart_sampler"}, sample_restart, Grid::exploding, "karras", 2, true},
    {"DDIM", {"DDIMScheduler"}, sample_ddim, Grid::whole, "leading", 1, false},
    {"DDIM inverse", {"DDIMInverseScheduler"}, sample_ddim, Grid::upwards, "leading", 1, false},
    {"DDPM", {"DDPMScheduler"}, sample_ddpm, Grid::whole, "leading", 1, true, 1},
    {"PLMS", {"PNDMScheduler", "PNDM"}, sample_pndm, Grid::whole, "leading", 1, false},
    {"iPNDM", {"IPNDMScheduler"}, sample_ipndm, Grid::exploding, "linspace", 1, false, 0, 4},
    {"UniPC",
     {"UniPCMultistepScheduler", "uni_pc"},
     sample_unipc,
     Grid::preserving,
     "linspace",
     1,
     false,
     0,
     2,
     Solver::bh2},
    {"DEIS", {"DEISMultistepScheduler"}, sample_deis, Grid::preserving, "linspace", 1, false, 0, 2},
    {"LCM", {"LCMScheduler", "k_lcm"}, sample_lcm, Grid::distilled, "leading", 1, true},
    {"TCD", {"TCDScheduler"}, sample_tcd, Grid::distilled, "leading", 1, true, 0.3},
};

/// Spelling without case, spaces, '-' and '_'.
std::string folded(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (c != ' ' && c != '-' && c != '_')
      result += char(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

const Sampler* lookup(std::string_view name) {
  const auto wanted = folded(name);
  for (const auto& row : kSamplers) {
    if (folded(row.name) == wanted) return &row;
    for (const auto alias : row.aliases)
      if (!alias.empty() && folded(alias) == wanted) return &row;
  }
  return nullptr;
}

}  // namespace

std::span<const Sampler> samplers() { return kSamplers; }

const Sampler& find_sampler(std::string_view name) {
  if (const auto* row = lookup(name)) return *row;
  std::vector<std::string_view> names;
  for (const auto& row : kSamplers) names.push_back(row.name);
  throw Error(fmt::format("unknown sampler \"{}\"", name),
              fmt::format("known: {}", fmt::join(names, ", ")));
}

NamedSampler split_sampler_name(std::string_view name) {
  if (lookup(name)) return {std::string(name), ""};
  for (const std::string_view spacing : {"karras", "exponential"}) {
    if (name.size() <= spacing.size() + 1) continue;
    const auto front = name.substr(0, name.size() - spacing.size());
    if (folded(name.substr(front.size())) == spacing && lookup(front))
      return {std::string(lookup(front)->name), std::string(spacing)};
  }
  return {std::string(name), ""};
}

}  // namespace sumi
