#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace sumi {

/// An Iconify set: SVG bodies by name, with aliases that turn or flip other icons.
class IconSet {
 public:
  /// Takes the content of an icons.json; `origin` starts the Errors' texts.
  IconSet(Json json, std::string origin);

  std::vector<std::string> names() const;
  bool contains(std::string_view name) const;

  /// The icon as a whole SVG document. Throws Error for an unknown name or an alias that goes round
  /// in circles.
  std::string svg(std::string_view name) const;

 private:
  Json json_;
  std::string origin_;
};

}  // namespace sumi
