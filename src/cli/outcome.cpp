#include "cli/outcome.h"

#include <fmt/format.h>

#include <cstdio>
#include <new>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/json.h"

namespace sumi {
namespace {

constexpr const char* kLessMemory =
    "make a smaller picture (--width 256 --height 256), use --batch-size 1 or --vae-tiling on, or "
    "close other programs; sumi doctor shows the memory there is";

/// Replaces bytes that JSON cannot carry (file names need not be UTF-8).
std::string as_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int report(bool json, int code, std::string_view what, std::string_view hint) {
  if (json) {
    Json object = {{"error", std::string(what)}, {"hint", std::string(hint)}};
    fmt::print("{}\n", as_json(object));
  } else {
    fmt::print(stderr, "sumi: {}\n", what);
    if (!hint.empty()) fmt::print(stderr, "  try: {}\n", hint);
  }
  std::fflush(stdout);
  return code;
}

/// LibTorch's allocator throws its own exception, whose type this file does not know.
bool is_out_of_memory(std::string_view text) {
  return text.find("not enough memory") != std::string_view::npos ||
         text.find("out of memory") != std::string_view::npos;
}

/// LibTorch's texts go on with a stack trace.
std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace

int run_guarded(bool json, const std::function<int()>& command) {
  try {
    const int code = command();
    if (std::fflush(stdout) != 0)
      return report(false, kExitError, "standard output cannot be written", "is the disk full?");
    return code;
  } catch (const Error& error) {
    return report(json, kExitError, error.what(), error.hint());
  } catch (const Cancelled&) {
    return report(json, kExitCancelled, "cancelled", "");
  } catch (const std::bad_alloc&) {
    return report(json, kExitError, "the memory is not enough for this", kLessMemory);
  } catch (const std::exception& error) {
    if (is_out_of_memory(error.what()))
      return report(json, kExitError, "the memory is not enough for this", kLessMemory);
    return report(json, kExitError,
                  fmt::format("something went wrong inside: {}", first_line(error.what())),
                  "this is a fault of Sumi's; please report it with the command you gave");
  }
}

}  // namespace sumi
