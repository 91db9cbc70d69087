#include "core/stored_bytes.h"

#include <fmt/format.h>

#include <vector>

#include "core/error.h"

namespace sumi {

std::string scale_name(const std::string& weight) { return weight + "_scale"; }

Tensor multiplied_out(const Tensor& values, const Tensor& scale) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(values.dim()), 1);
  shape.front() = values.size(0);
  return values.to(torch::kFloat).mul_(scale.view(shape));
}

Tensor checked_scale(const Tensor& stored, const Tensor& values, const std::string& name,
                     const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    throw Error(fmt::format("{}: {} {}", where, scale_name(name), what),
                "the file is damaged or was written by another program; convert the model again");
  };
  if (values.dim() == 0 || stored.sizes() != at::IntArrayRef(values.size(0)))
    refuse(fmt::format("is {} and does not fit {} {}", shape_text(stored.sizes()), name,
                       shape_text(values.sizes())));
  if (stored.scalar_type() != torch::kFloat)
    refuse(fmt::format("holds {} instead of 32-bit floats", torch::toString(stored.scalar_type())));
  const Tensor scale = stored.to(torch::kCPU).contiguous();
  if (!at::isfinite(scale).all().item<bool>()) refuse("holds NaN or infinite scales");
  if (!scale.gt(0).all().item<bool>()) refuse("holds scales that are not positive");
  return scale;
}

}  // namespace sumi
