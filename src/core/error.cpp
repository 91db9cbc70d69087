#include "core/error.h"

#include <utility>

namespace sumi {

Error::Error(const std::string& what, std::string hint)
    : std::runtime_error(what), hint_(std::move(hint)) {}

}  // namespace sumi
