#include "training/config_keys.h"

#include "core/nearest.h"

namespace sumi {

void refuse(const UnknownKey& unknown) {
  const std::string near = nearest(unknown.key, unknown.known);
  throw Error(fmt::format("{}: unknown key \"{}\"", unknown.where, unknown.key),
              near.empty() ? fmt::format("known here: {}", fmt::join(unknown.known, ", "))
                           : fmt::format("did you mean \"{}\"?", near));
}

}  // namespace sumi
