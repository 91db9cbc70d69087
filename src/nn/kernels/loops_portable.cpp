#include "nn/kernels/loops_body.h"

namespace sumi {
namespace detail {

extern const Loops portable_body;
const Loops portable_body = kBody;

}  // namespace detail
}  // namespace sumi
