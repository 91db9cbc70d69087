#include "training/adamw8bit.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "core/sent_to.h"

namespace sumi {
namespace {

/// A table of codes and the borders between neighbours.
struct Codes {
  std::array<float, 256> values;
  std::array<float, 255> borders;

  explicit Codes(bool with_sign) : values(dynamic_codes(with_sign)) {
    for (std::size_t i = 0; i + 1 < values.size(); ++i)
      borders[i] = (values[i] + values[i + 1]) / 2;
  }

  /// The code of the nearest value, found by halving without branches.
  std::uint8_t nearest(float x) const {
    int code = 0;
    for (int step = 128; step > 0; step /= 2)
      code += x > borders[static_cast<std::size_t>(code + step - 1)] ? step : 0;
    return static_cast<std::uint8_t>(code);
  }
};

const Codes kSigned(true), kUnsigned(false);

}  // namespace

std::array<float, 256> dynamic_codes(bool with_sign) {
  std::vector<double> values = {0, 1};
  double decade = 1e-6;
  for (int parts = with_sign ? 1 : 2; values.size() < 256; parts *= 2, decade *= 10)
    for (int part = 0; part < parts; ++part) {
      const double middle = decade * (0.1 + 0.9 * (part + 0.5) / parts);
      values.push_back(middle);
      if (with_sign) values.push_back(-middle);
    }
  std::sort(values.begin(), values.end());
  std::array<float, 256> codes{};
  std::copy(values.begin(), values.end(), codes.begin());
  return codes;
}

/// What one step multiplies by.
struct AdamW8bit::Factors {
  double rate, correction1, weight_decay;
  float beta1, beta2, root_scale, epsilon, slope_scale;

  float moved(const ParameterSpan& block) const {
    return static_cast<float>(rate * block.rate / correction1);
  }
  float kept(const ParameterSpan& block) const {
    return static_cast<float>(1 - (block.decays ? rate * block.rate * weight_decay : 0));
  }
};

AdamW8bit::AdamW8bit(const Tensor& weights, const std::vector<ParameterSpan>& spans,
                     const OptimiserConfig& config, const StateMemory& memory)
    : config_(config) {
  for (const auto& span : spans)
    for (std::int64_t first = span.first; first < span.last; first += kBlock)
      blocks_.push_back({first, std::min(span.last, first + kBlock), span.decays, span.rate});
  const std::int64_t size = weights.numel(), blocks = static_cast<std::int64_t>(blocks_.size());
  const auto codes_of = [&](const Codes& codes) {
    Tensor zeros = memory.zeros(size, weights.options().dtype(torch::kByte));
    piece_by_piece(size, {zeros}, [&](std::int64_t first, std::int64_t length) {
      zeros.narrow(0, first, length).fill_(codes.nearest(0));
    });
    return zeros;
  };
  mean_codes_ = codes_of(kSigned);
  square_codes_ = codes_of(kUnsigned);
  mean_scales_ = at::zeros({blocks}, weights.options().requires_grad(false));
  square_scales_ = at::zeros_like(mean_scales_);
}

/// The elements of each kGroup blocks, which follow each other.
std::vector<Range> AdamW8bit::groups() const {
  std::vector<Range> groups;
  for (std::size_t first = 0; first < blocks_.size(); first += kGroup) {
    const auto last = std::min(first + kGroup, blocks_.size());
    groups.push_back({blocks_[first].first, blocks_[last - 1].last});
  }
  return groups;
}

void AdamW8bit::step(Tensor& weights, const Tensor& gradients, double rate, double gradient_scale) {
  const c10::NoGradGuard no_grad;
  ++steps_;
  const auto steps = static_cast<double>(steps_);
  const Factors factors{rate,
                        1 - std::pow(config_.beta1, steps),
                        config_.weight_decay,
                        static_cast<float>(config_.beta1),
                        static_cast<float>(config_.beta2),
                        static_cast<float>(1 / std::sqrt(1 - std::pow(config_.beta2, steps))),
                        static_cast<float>(config_.epsilon),
                        static_cast<float>(gradient_scale)};
  if (weights.is_cpu())
    step_near(weights, gradients, factors);
  else
    step_far(weights, gradients, factors);
}

void AdamW8bit::step_near(Tensor& weights, const Tensor& gradients, const Factors& factors) {
  const float beta1 = factors.beta1, beta2 = factors.beta2;
  float* w = weights.data_ptr<float>();
  const float* g = gradients.data_ptr<float>();
  auto *mean_codes = mean_codes_.data_ptr<std::uint8_t>(),
       *square_codes = square_codes_.data_ptr<std::uint8_t>();
  float *mean_scales = mean_scales_.data_ptr<float>(),
        *square_scales = square_scales_.data_ptr<float>();

  const auto update_block = [&](std::int64_t block) {
    const auto& own = blocks_[static_cast<std::size_t>(block)];
    const auto first = own.first, last = own.last;
    const float moved = factors.moved(own), kept = factors.kept(own);
    std::array<float, kBlock> mean{}, square{};
    float largest_mean = 0, largest_square = 0;
    for (std::int64_t i = first; i < last; ++i) {
      const auto k = static_cast<std::size_t>(i - first);
      const float slope = g[i] * factors.slope_scale;
      mean[k] = beta1 * kSigned.values[mean_codes[i]] * mean_scales[block] + (1 - beta1) * slope;
      square[k] = beta2 * kUnsigned.values[square_codes[i]] * square_scales[block] +
                  (1 - beta2) * slope * slope;
      largest_mean = std::max(largest_mean, std::abs(mean[k]));
      largest_square = std::max(largest_square, square[k]);
    }
    for (std::int64_t i = first; i < last; ++i) {
      const auto k = static_cast<std::size_t>(i - first);
      w[i] = w[i] * kept -
             moved * mean[k] / (std::sqrt(square[k]) * factors.root_scale + factors.epsilon);
    }
    mean_scales[block] = largest_mean;
    square_scales[block] = largest_square;
    const float mean_unit = largest_mean > 0 ? 1 / largest_mean : 0;
    const float square_unit = largest_square > 0 ? 1 / largest_square : 0;
    for (std::int64_t i = first; i < last; ++i) {
      const auto k = static_cast<std::size_t>(i - first);
      mean_codes[i] = kSigned.nearest(mean[k] * mean_unit);
      const auto code = kUnsigned.nearest(square[k] * square_unit);
      square_codes[i] = square[k] > 0 ? std::max<std::uint8_t>(code, 1) : code;
    }
  };
  part_by_part(groups(), {weights, gradients, mean_codes_, square_codes_}, [&](std::size_t i) {
    const auto first = static_cast<std::int64_t>(i) * kGroup;
    const auto last = std::min(first + kGroup, mean_scales_.numel());
    at::parallel_for(first, last, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; ++block) update_block(block);
    });
  });
}

/// Neighbouring blocks of one length that are updated alike are the rows of one matrix.
void AdamW8bit::step_far(Tensor& weights, const Tensor& gradients, const Factors& factors) {
  const auto length = [&](std::size_t i) { return blocks_[i].last - blocks_[i].first; };
  for (std::size_t first = 0, next = 0; first < blocks_.size(); first = next) {
    const auto& own = blocks_[first];
    for (next = first + 1; next < blocks_.size() && next - first < kFarGroup; ++next)
      if (length(next) != length(first) || blocks_[next].first != blocks_[next - 1].last ||
          blocks_[next].decays != own.decays || blocks_[next].rate != own.rate)
        break;
    step_rows(weights, gradients, factors, static_cast<std::int64_t>(first),
              static_cast<std::int64_t>(next - first));
  }
}

void AdamW8bit::step_rows(Tensor& weights, const Tensor& gradients, const Factors& factors,
                          std::int64_t first_block, std::int64_t count) {
  const auto& own = blocks_[static_cast<std::size_t>(first_block)];
  const auto rows = [&](const Tensor& flat) {
    const auto length = own.last - own.first;
    return flat.narrow(0, own.first, count * length).view({count, length});
  };
  const auto on_device = [&](const auto& table) {
    return sent_to(weights.device(),
                   at::tensor(at::ArrayRef<float>(table.data(), table.size()), torch::kFloat));
  };
  const auto values = [&](const Codes& codes, const Tensor& stored, const Tensor& scales) {
    return on_device(codes.values)
        .index_select(0, rows(stored).flatten().to(torch::kLong))
        .view({count, -1})
        .mul_(scales.narrow(0, first_block, count).unsqueeze(1));
  };
  const auto largest = [&](Tensor& scales, const Tensor& moments) {
    const Tensor most = moments.amax(1);
    scales.narrow(0, first_block, count).copy_(most);
    return most.masked_fill(most == 0, 1).unsqueeze(1);
  };
  const Tensor slope = rows(gradients) * factors.slope_scale;
  const Tensor mean =
      values(kSigned, mean_codes_, mean_scales_).mul_(factors.beta1).add_(slope, 1 - factors.beta1);
  const Tensor square = values(kUnsigned, square_codes_, square_scales_)
                            .mul_(factors.beta2)
                            .addcmul_(slope, slope, 1 - factors.beta2);
  const Tensor step = mean / square.sqrt().mul_(factors.root_scale).add_(factors.epsilon);
  rows(weights).mul_(factors.kept(own)).add_(step, -factors.moved(own));
  const Tensor mean_unit = largest(mean_scales_, mean.abs());
  const Tensor square_unit = largest(square_scales_, square);
  rows(mean_codes_).copy_(at::bucketize(mean / mean_unit, on_device(kSigned.borders)));
  const Tensor codes = at::bucketize(square / square_unit, on_device(kUnsigned.borders));
  rows(square_codes_).copy_(at::maximum(codes, (square > 0).to(codes.scalar_type())));
}

}  // namespace sumi
