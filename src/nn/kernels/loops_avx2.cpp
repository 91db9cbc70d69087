#include "nn/kernels/loops_body.h"

namespace sumi {
namespace detail {

extern const Loops avx2_body;
const Loops avx2_body = kBody;

}  // namespace detail
}  // namespace sumi
