#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace sumi {

/// The one exception for everything a user can cause or meet: what happened, and what to do.
/// Command line: printed as two lines, exit code 2. Never thrown for our own bugs (those assert).
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, std::string hint = "");

  /// What the user can do about it; may be empty.
  const std::string& hint() const { return hint_; }

 private:
  std::string hint_;
};

/// Raised between two steps when the user asked to stop; exit code 130. Not an Error: nothing
/// failed.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace sumi
