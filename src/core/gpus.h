#pragma once

#include <c10/core/impl/DeviceGuardImplInterface.h>

namespace sumi {

/// Whether this LibTorch was built with CUDA, whatever the machine has.
inline bool has_cuda() { return c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA); }

/// How many GPUs LibTorch can compute on: none without CUDA, nor where the driver is missing or too
/// old for it.
inline int gpu_count() {
  if (!has_cuda()) return 0;
  return c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount();
}

}  // namespace sumi
