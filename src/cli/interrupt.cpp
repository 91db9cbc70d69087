#include "cli/interrupt.h"

#include <atomic>
#include <csignal>
#include <initializer_list>
#include <utility>

namespace sumi {
namespace {

/// A signal handler can reach nothing but a variable of static storage.
std::atomic<CancelToken*> listening = nullptr;

void ask_to_stop(int) {
  if (auto* token = listening.load()) token->request();
}

void set_handler(void (*handler)(int)) {
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);  // the second one kills
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace

InterruptGuard::InterruptGuard(CancelToken token) : token_(std::move(token)) {
  listening = &token_;
  set_handler(ask_to_stop);
}

InterruptGuard::~InterruptGuard() {
  set_handler(SIG_DFL);
  listening = nullptr;
}

}  // namespace sumi
