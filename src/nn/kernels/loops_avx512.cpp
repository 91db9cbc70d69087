#include "nn/kernels/loops_body.h"

namespace sumi {
namespace detail {

extern const Loops avx512_body;
const Loops avx512_body = kBody;

}  // namespace detail
}  // namespace sumi
