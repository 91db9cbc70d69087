#pragma once

#include "diffusion/samplers.h"

namespace sumi {

// Each is a SamplerFunction; the comment names its source and the options it reads.

/// Karras et al. 2022, algorithm 2 with Euler steps. s_churn, s_tmin, s_tmax, s_noise, stale_churn.
Tensor sample_euler(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                    const NoiseSource&);
/// DDIM (Song et al. 2021, eq. 12); at eta = 1 the ancestral Euler sampler. eta, s_noise, landing,
/// limit.
Tensor sample_ddim(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                   const NoiseSource&);
/// DDPM (Ho et al. 2020, algorithm 2). large_variance, noise_on_last, landing.
Tensor sample_ddpm(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                   const NoiseSource&);
/// Karras et al. 2022, algorithm 1 and 2. s_churn, s_tmin, s_tmax, s_noise.
Tensor sample_heun(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                   const NoiseSource&);
/// Midpoint in log ratio (DPM-Solver-2 in k-diffusion's form). eta, s_churn, s_tmin, s_tmax,
/// s_noise.
Tensor sample_dpm_2(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                    const NoiseSource&);
/// Xu et al. 2023, with A1111's choice of the restarts. s_noise.
Tensor sample_restart(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                      const NoiseSource&);
/// Latent consistency (Luo et al. 2023, algorithm 3). boundary.
Tensor sample_lcm(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                  const NoiseSource&);
/// Trajectory consistency (Zheng et al. 2024, algorithm 4); eta is its gamma. resting.
Tensor sample_tcd(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                  const NoiseSource&);

/// Adams-Bashforth over noise estimates in the ratio (k-diffusion's LMS). order.
Tensor sample_lms(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                  const NoiseSource&);
/// The same with the estimates interpolated in log ratio: DEIS (Zhang & Chen 2023), log-rho form.
/// order, lower_order_final.
Tensor sample_deis(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                   const NoiseSource&);
/// PNDM (Liu et al. 2022): pseudo linear multistep. runge_kutta_start, landing, halfway,
/// over_output.
Tensor sample_pndm(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                   const NoiseSource&);
/// The same without a second call in the first step (Zhang & Chen 2023).
Tensor sample_ipndm(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                    const NoiseSource&);
/// DPM-Solver and DPM-Solver++ multistep, ODE and SDE (Lu et al. 2022). eta, s_noise, order,
/// solver, over_clean, lower_order_final, euler_at_final.
Tensor sample_dpm_multistep(const Denoiser&, Tensor, std::span<const NoiseLevel>,
                            const SamplerOptions&, const NoiseSource&);
/// UniPC (Zhao et al. 2023). order, solver (bh1, bh2), over_clean, lower_order_final, uncorrected.
Tensor sample_unipc(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                    const NoiseSource&);

/// DPM-Solver singlestep over blocks of `order` levels (Lu et al. 2022). order, solver, over_clean,
/// lower_order_final.
Tensor sample_dpm_singlestep(const Denoiser&, Tensor, std::span<const NoiseLevel>,
                             const SamplerOptions&, const NoiseSource&);
/// DPM-Solver++ (2S) with ancestral noise (k-diffusion). eta, s_noise.
Tensor sample_dpmpp_2s_ancestral(const Denoiser&, Tensor, std::span<const NoiseLevel>,
                                 const SamplerOptions&, const NoiseSource&);
/// DPM-Solver++ stochastic, two draws a step (k-diffusion). eta, s_noise.
Tensor sample_dpmpp_sde(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                        const NoiseSource&);
/// DPM-Solver-fast: levels.size() - 1 network calls between the ends of `levels`. eta, s_noise.
Tensor sample_dpm_fast(const Denoiser&, Tensor, std::span<const NoiseLevel>, const SamplerOptions&,
                       const NoiseSource&);
/// DPM-Solver-12/23 with adaptive steps between the ends of `levels`. order, eta, s_noise.
Tensor sample_dpm_adaptive(const Denoiser&, Tensor, std::span<const NoiseLevel>,
                           const SamplerOptions&, const NoiseSource&);

}  // namespace sumi
