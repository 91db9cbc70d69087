#include "nn/bf16_products.h"

namespace sumi {
namespace {

// As LibTorch's own GradMode: a layer deep inside a network is reached by no argument.
thread_local bool products_in_bf16 = false;

}  // namespace

Bf16Products::Bf16Products(bool on) : before_(products_in_bf16) { products_in_bf16 = on; }

Bf16Products::~Bf16Products() { products_in_bf16 = before_; }

bool Bf16Products::are_on() { return products_in_bf16; }

}  // namespace sumi
