#pragma once

#include <cstdlib>
#include <filesystem>

#include "core/tensor.h"
#include "gtest/gtest.h"

namespace sumi {

/// Folder of recorded cases: $SUMI_REFERENCE or the copy inside tests/.
inline std::filesystem::path reference_folder() {
  const char* given = std::getenv("SUMI_REFERENCE");
  return given && *given ? std::filesystem::path(given)
                         : std::filesystem::path(SUMI_SOURCE_DIR) / "tests/reference/data";
}

/// max |ours - theirs| / max |theirs|; infinite when the shapes differ or a number is not finite.
inline double relative_error(const Tensor& ours, const Tensor& theirs) {
  if (ours.sizes() != theirs.sizes()) return INFINITY;
  const auto scale = theirs.to(torch::kDouble).abs().max().item<double>();
  const auto gap = (ours.to(torch::kDouble) - theirs.to(torch::kDouble)).abs().max().item<double>();
  return std::isfinite(gap) ? gap / std::max(scale, 1e-30) : INFINITY;
}

}  // namespace sumi
