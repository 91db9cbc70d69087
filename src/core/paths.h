#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace sumi {

/// The folder of the running program.
std::filesystem::path executable_directory();

/// Finds a file or folder that comes with Sumi, e.g. "models/default" or
/// "clip/bpe_simple_vocab_16e6.txt". Looked for under $SUMI_RESOURCES, `<program>/../share/sumi`,
/// the source tree and its `.cache`, in this order. Throws Error that says where it looked and that
/// scripts/quickstart installs it.
std::filesystem::path resource(const std::string& name);

/// Whether a model of this name comes with Sumi, under models/: "default", "editing" (follows
/// instructions on a given picture) or "live" (few steps).
bool is_shipped_model(std::string_view name);

/// The file or folder that a model's name stands for: a name of those, or a path. Does not look
/// whether a path exists; throws Error when a model of Sumi's own is missing.
std::filesystem::path model_path(const std::string& name);

/// Where downloads and other things that can be made again are kept: $SUMI_CACHE,
/// $XDG_CACHE_HOME/sumi or ~/.cache/sumi; created when missing.
std::filesystem::path cache_directory();

}  // namespace sumi
