#pragma once

#include <string_view>

namespace sumi {

/// How a config's field appears on the command line, beyond its name and description.
struct OptionRow {
  std::string_view field;
  std::string_view aliases;  ///< "-p", "-g,--cfg-scale"; may be empty
  std::string_view value;    ///< what stands for the value in the help; empty for switches
  std::string_view group;    ///< heading in the help
};

/// The row of a field; an unlisted one stands under "Other".
const OptionRow& option_row(std::string_view field);

}  // namespace sumi
