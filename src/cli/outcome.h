#pragma once

#include <functional>

namespace sumi {

/// Exit codes that every command shares.
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 2;
inline constexpr int kExitCancelled = 130;

/// Runs a command and turns what it throws into an exit code and a message: two lines on stderr, or
/// with `json` the object {"error": …, "hint": …} on stdout.
int run_guarded(bool json, const std::function<int()>& command);

}  // namespace sumi
