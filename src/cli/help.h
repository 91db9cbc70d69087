#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace sumi {

/// The help of a command: what it does, how to call it, its options by group, then its footer.
/// Wrapped to the terminal, at least 60 and at most 100 columns.
std::string help_text(const CLI::App& app, const std::string& name);

/// Worked examples, shown at the end of a command's help.
extern const char* const kProgramExamples;
extern const char* const kGenerateExamples;

}  // namespace sumi
