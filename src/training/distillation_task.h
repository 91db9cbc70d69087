#pragma once

#include <filesystem>
#include <memory>

#include "data/dataset.h"
#include "diffusion/parameterisation.h"
#include "diffusion/samplers.h"
#include "training/recipe.h"
#include "training/task.h"

namespace sumi {

/// Distils the text-to-image U-Net of recipe.init_from. The student is told the guidance scale (its
/// `time_cond_proj_dim`; Meng et al. 2023) and needs one call per step.
///   - consistency (Luo et al. 2023): it learns that all points of the teacher's guided trajectory
///     lead to one picture. The result: OUTPUT/model with an LCMScheduler, for 1 to 4 steps. Its
///     validation tells how far, in deviations of the latents, one step of the student and of the
///     teacher ends from where the teacher's many steps end (endpoint_student, endpoint_teacher).
///   - guidance: it learns the teacher's guided output. The result keeps the teacher's scheduler.
Task distillation_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                       std::shared_ptr<const Dataset> validation,
                       const std::filesystem::path& output, torch::Device device);

/// Consistency models' condition that nothing changes at timestep 0 (Luo et al. 2023, appendix):
/// f = skip x + out clean, with the data's deviation 0.5 and t scaled by `timestep_scaling`.
Boundary consistency_boundary(double timestep, double timestep_scaling);

/// mean of sqrt(d² + c²) - c over the differences: the pseudo-Huber loss (Song & Dhariwal 2023).
Tensor pseudo_huber(const Tensor& difference, double c);

/// One DDIM step (Song et al. 2021) from levels `now` to `next`, of each item: x and the network's
/// output -> x at `next`. For rectified flow this is Euler's step.
Tensor solver_step(const Parameterisation& scale, const Tensor& x, const Tensor& output,
                   std::span<const NoiseLevel> now, std::span<const NoiseLevel> next);

/// The clean estimate that a network's output stands for, item by item.
Tensor clean_estimate(const Parameterisation& scale, const Tensor& x, const Tensor& output,
                      std::span<const NoiseLevel> levels);

}  // namespace sumi
