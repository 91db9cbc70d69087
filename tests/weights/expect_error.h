#pragma once

#include <string>

#include "core/error.h"
#include "gtest/gtest.h"

namespace sumi {

/// The text of the Error that `action` throws; a test failure and "" when it throws none.
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

}  // namespace sumi
