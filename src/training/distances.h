#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "training/bootstrap.h"

namespace sumi {

/// Mean and covariance (divided by N - 1) of features, the latter by a root: root^T root. float64
/// [D] and [K, D], K the smaller of N and D.
struct Gaussian {
  Tensor mean;
  Tensor root;
};

/// features: [N, D], two rows or more.
Gaussian gaussian_of(const Tensor& features);

/// |mean_a - mean_b|^2 + tr(A + B - 2 (AB)^(1/2)), the distance of FID (Heusel et al. 2017; Dowson
/// & Landau 1982). With A = R^T R and B = S^T S the last trace is the sum of the singular values of
/// R S^T, so no covariance is formed, singular ones need no offset and nothing complex arises.
double frechet_distance(const Gaussian& a, const Gaussian& b);

/// The same between two sets of features, [N, D] and [M, D], with the interval of the infinitesimal
/// jackknife (Jaeckel 1972; Efron 1982), not below 0: how the distance changes as one picture
/// weighs a little more has a closed form, and its spread over the pictures is that of the
/// distance. It takes one decomposition; a bootstrap takes one for each repetition and, with hardly
/// more pictures than features, comes out too wide.
Estimate frechet_distance(const Tensor& a, const Tensor& b);

/// FID for infinitely many pictures (Chong & Forsyth 2020): the bias falls as one over the number
/// of pictures, so a line through the distances of random parts of both sets, from half to all,
/// meets zero there.
double extrapolated_frechet(const Tensor& a, const Tensor& b, std::uint64_t seed);

/// Values of a kernel within and between two sets. float64 [N, N], [M, M], [N, M].
struct KernelMatrices {
  Tensor aa, bb, ab;
};

/// (x . y / D + 1)^3, the kernel of KID (Binkowski et al. 2018).
KernelMatrices cubic_kernel(const Tensor& a, const Tensor& b);

/// exp(-|x - y|^2 / (2 sigma^2)) of rows scaled to unit length, the kernel of CMMD (Jayasumana et
/// al. 2024), whose sigma is 10.
KernelMatrices gaussian_kernel(const Tensor& a, const Tensor& b, double sigma = 10);

/// The squared maximum mean discrepancy without bias (Gretton et al. 2012, equation 3): no picture
/// is compared with itself. It may be negative.
double squared_mmd(const KernelMatrices& kernel);

/// The same with a bootstrap interval over both sets; a repeated picture is not compared with its
/// own copies.
Estimate squared_mmd(const KernelMatrices& kernel, int repeats, std::uint64_t seed);

/// The squared discrepancy of random subsets of both sets, as KID is customarily reported.
struct SubsetSpread {
  int subsets = 0;
  std::int64_t size = 0;
  double mean = 0;
  double deviation = 0;
};

/// Subsets of at most `size` pictures and at most half of the smaller set.
SubsetSpread subset_spread(const KernelMatrices& kernel, int subsets, std::int64_t size,
                           std::uint64_t seed);

}  // namespace sumi
