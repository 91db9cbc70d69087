#pragma once

#include <cstdint>
#include <string>

namespace sumi {

/// A device that stands in for a GPU on machines without one: LibTorch's place for backends from
/// outside (PrivateUse1). It computes what the processor would compute, but its memory cannot be
/// read by the host: whoever mixes tensors of both, or looks at numbers without copying them first,
/// gets an exception or a segmentation fault. Returns its name, for Runtime::device.
std::string distant_device();

/// How many operations were computed there so far.
std::int64_t distant_operations();

}  // namespace sumi
