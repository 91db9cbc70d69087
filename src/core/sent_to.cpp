#include "core/sent_to.h"

namespace sumi {

Tensor sent_to(torch::Device device, const Tensor& host) {
  if (!device.is_cuda()) return host.to(device);
  return host.pin_memory().to(device, host.scalar_type(), /*non_blocking=*/true);
}

}  // namespace sumi
