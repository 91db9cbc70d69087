#include "nn/trace.h"

#include <chrono>

namespace sumi {
namespace {

thread_local LayerTrace* listener = nullptr;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

LayerTrace::LayerTrace() { listener = this; }
LayerTrace::~LayerTrace() { listener = nullptr; }

TracedCall::TracedCall(LayerCall::Kind kind) : listened_(listener != nullptr) {
  if (!listened_) return;
  call_.kind = kind;
  start_s_ = now_s();
}

TracedCall::~TracedCall() {
  if (!listened_ || listener == nullptr) return;
  call_.seconds = now_s() - start_s_;
  listener->calls.push_back(std::move(call_));
}

}  // namespace sumi
