#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "diffusion/parameterisation.h"
#include "reference_case.h"

namespace sumi {

/// What passed through a sampler: the latents at every call and what the network was given.
struct Trace {
  std::vector<Tensor> latents, cleans, inputs;
  std::vector<double> timesteps;

  Tensor times() const { return torch::tensor(timesteps, torch::kFloat64); }
};

/// The network that the reference's numbers were made with: 0.3 * input + 0.1 * sin(timestep /
/// 100).
inline Network recorded_network(Trace& trace) {
  return [&trace](const Tensor& input, const Tensor& timestep) {
    const double t = timestep[0].item<double>();
    trace.inputs.push_back(input);
    trace.timesteps.push_back(t);
    return 0.3 * input + 0.1 * std::sin(t / 100);
  };
}

inline Denoiser traced(Denoiser denoise, Trace& trace) {
  return [denoise = std::move(denoise), &trace](const Tensor& x, NoiseLevel level) {
    trace.latents.push_back(x);
    trace.cleans.push_back(denoise(x, level));
    return trace.cleans.back();
  };
}

/// The worst relative errors of one case, one line of output each.
class Comparison {
 public:
  explicit Comparison(std::string name) : name_(std::move(name)) {}
  void tables(const Tensor& ours, const Tensor& theirs, const std::string& what) {
    note(ours, theirs, what, 1e-5, tables_);
  }
  void trajectory(const Tensor& ours, const Tensor& theirs, const std::string& what) {
    note(ours, theirs, what, 1e-4, trajectory_);
  }
  void print() const {
    fmt::print("{:<36} tables {:.1e}  trajectory {:.1e}\n", name_, tables_, trajectory_);
  }

 private:
  void note(const Tensor& ours, const Tensor& theirs, const std::string& what, double tolerance,
            double& worst) {
    const double error = relative_error(ours, theirs);
    worst = std::max(worst, error);
    EXPECT_LE(error, tolerance) << name_ << ": " << what << " " << ours.sizes() << " against "
                                << theirs.sizes();
  }
  std::string name_;
  double tables_ = 0, trajectory_ = 0;
};

/// Says that a case is left out, and why.
inline void not_covered(const std::string& name, const std::string& why) {
  fmt::print("NOT COVERED {}: {}\n", name, why);
}

/// Why a JSON object cannot be honoured: its first key that is not among `known`, or "".
inline std::string foreign_key(const Json& object, const std::vector<std::string>& known) {
  for (const auto& [key, value] : object.items())
    if (!value.is_null() && std::find(known.begin(), known.end(), key) == known.end())
      return fmt::format("unknown setting \"{}\"", key);
  return "";
}

}  // namespace sumi
