#pragma once

#include <functional>

#include "cli/command.h"
#include "data/survey.h"

namespace sumi {

/// The commands over people's own data, with a measure that needs a network: see
/// SurveyOptions::also.
int run(const DataInspectCommand& command, const std::function<void(Survey&)>& also);
int run(const DataCurateCommand& command, const std::function<void(Survey&)>& also);

}  // namespace sumi
