#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"

namespace sumi {

/// `sumi-engine` beside the running program. Throws Error when it is missing.
std::filesystem::path engine_program();

/// Sets what libraries read when they are loaded, unless the user did: OpenBLAS 0.3.21 takes AMD
/// processors with AVX-512 for older ones and would use half of each register; glibc shall ask for
/// large pages. Returns whether something was set, so that a program that has already loaded them
/// can start again.
bool set_library_environment();

/// Becomes the engine with the same arguments; returns only by throwing Error.
[[noreturn]] void become_engine(const std::vector<std::string>& arguments);

/// What `sumi-engine --version --json` says: sumi, libtorch, onednn, openblas, cuda, gpus. Throws
/// Error when the engine is missing or does not start.
Json engine_versions();

}  // namespace sumi
