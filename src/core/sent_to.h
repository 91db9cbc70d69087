#pragma once

#include "core/tensor.h"

namespace sumi {

/// A tensor of the host's on a device. A GPU is not waited for: what it still has to do goes on
/// while the numbers are on their way, from memory that the system keeps in place for them.
Tensor sent_to(torch::Device device, const Tensor& host);

}  // namespace sumi
