#pragma once

#include "cli/command.h"

namespace sumi {

// The commands that `sumi` answers itself, without LibTorch. Each prints on stdout and returns the
// exit code.

int run(const ShowCommand& command);
int run(const VersionCommand& command);
int run(const InfoCommand& command);
int run(const DoctorCommand& command);
int run(const InspectCommand& command);
int run(const DataListCommand& command);
int run(const DataFetchCommand& command);
int run(const DataSheetCommand& command);
int run(const DataInspectCommand& command);
int run(const DataCurateCommand& command);
int run(const DataCaptionCommand& command);
int run(const DataCacheCommand& command);

/// Prints one JSON object on stdout; bytes that are not UTF-8 are replaced.
void print_json(const Json& object);

/// "1.5 GB", "48.2 MB", "310 B"; powers of ten.
std::string format_bytes(std::uint64_t bytes);

}  // namespace sumi
