#pragma once

#include "core/runtime.h"

namespace sumi {

/// While it lives, Ctrl-C and SIGTERM ask the token to stop; a second one ends the program at once.
/// One at a time.
class InterruptGuard {
 public:
  explicit InterruptGuard(CancelToken token);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  CancelToken token_;
};

}  // namespace sumi
