#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "training/bootstrap.h"

namespace sumi {

/// How far each row of `features`, [N, D], is from its k-th nearest other row. float64 [N].
Tensor neighbour_radii(const Tensor& features, int k);

/// How well generated pictures lie among real ones, and the reverse.
struct Agreement {
  Estimate precision;  ///< generated pictures within the ball of some real one
  Estimate recall;     ///< real pictures within the ball of some generated one
  Estimate density;    ///< real balls that hold a generated picture, over k; may pass 1
  Estimate coverage;   ///< real pictures whose ball holds a generated one
};

/// Neighbours that make the balls: of precision and recall (Kynkaanniemi et al. 2019), and of
/// density and coverage (Naeem et al. 2020). Each set needs more pictures than the larger one.
struct AgreementOptions {
  int precision_neighbours = 3;
  int density_neighbours = 5;
};

/// generated: [N, D], real: [M, D]. Rates have Wilson's interval, density a bootstrap one.
Agreement agreement(const Tensor& generated, const Tensor& real, const AgreementOptions& options,
                    int repeats, std::uint64_t seed);

/// For each row of `from`, [N, D], the nearest row of `among`, [M, D].
struct Nearest {
  std::vector<std::int64_t> index;
  std::vector<double> distance;
};
Nearest nearest_rows(const Tensor& from, const Tensor& among);

/// Whether pictures lie nearer to those that were learned than to as many real ones that were not.
/// Without memorisation half of them do, and the ratio's median is near 1.
struct Memorisation {
  Nearest training;           ///< nearest learned picture
  std::vector<double> ratio;  ///< distance to it / to the nearest held-out one
  double median_ratio = 0;
  double smallest_ratio = 0;
  Estimate nearer_to_training;  ///< share of the pictures whose ratio is below 1
};

/// pictures: [N, D]; training and held_out: [M, D], as many of both.
Memorisation memorisation(const Tensor& pictures, const Tensor& training, const Tensor& held_out);

}  // namespace sumi
