#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/json.h"
#include "core/tensor.h"
#include "training/optimiser_config.h"
#include "training/parameter_buffer.h"
#include "training/state_memory.h"

namespace sumi {

/// The 256 numbers of dynamic quantisation in rising order (Dettmers et al. 2022, section 2.2):
/// seven decades up to 1, each further one cut twice as finely, with 0 and 1 exactly. `with_sign`:
/// half of them negative.
std::array<float, 256> dynamic_codes(bool with_sign);

/// AdamW whose moments are kept in a byte each: blocks of 256 elements, each with its own scale
/// (Dettmers et al. 2022). The scales stay in memory. The update itself is AdamW's, in fp32. A
/// square that is not zero never becomes zero, or the next step would divide by epsilon alone.
class AdamW8bit {
 public:
  static constexpr std::int64_t kBlock = 256;

  /// `spans`: one for each tensor; blocks never reach from one into the next.
  AdamW8bit(const Tensor& weights, const std::vector<ParameterSpan>& spans,
            const OptimiserConfig& config, const StateMemory& memory = {});

  /// One update of `weights` [size] from `gradients` [size] times `gradient_scale`.
  void step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale = 1);

  /// Codes, uint8 [size], and scales, float [blocks], of both moments; the number of steps.
  StateDict tensors() const {
    return {{"mean_codes", mean_codes_},
            {"square_codes", square_codes_},
            {"mean_scales", mean_scales_},
            {"square_scales", square_scales_}};
  }
  Json numbers() const { return {{"steps", steps_}}; }
  void set_numbers(const Json& numbers) { steps_ = numbers.at("steps").get<std::int64_t>(); }

 private:
  static constexpr std::int64_t kGroup = 4096;       ///< blocks that are worked on together
  static constexpr std::size_t kFarGroup = 1 << 16;  ///< the same on a GPU
  std::vector<Range> groups() const;
  struct Factors;
  void step_near(Tensor& weights, const Tensor& gradients, const Factors& factors);
  void step_far(Tensor& weights, const Tensor& gradients, const Factors& factors);
  void step_rows(Tensor& weights, const Tensor& gradients, const Factors& factors,
                 std::int64_t first_block, std::int64_t count);

  OptimiserConfig config_;
  std::vector<ParameterSpan> blocks_;
  std::int64_t steps_ = 0;
  Tensor mean_codes_, square_codes_, mean_scales_, square_scales_;
};

}  // namespace sumi
