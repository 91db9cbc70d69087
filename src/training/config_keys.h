#pragma once

#include <string>
#include <vector>

#include "core/config.h"

namespace sumi {

/// A JSON key that no field has, the fields that are there, and where in the JSON it stands.
struct UnknownKey {
  std::string where, key;
  std::vector<std::string> known;
};

/// Throws Error for it: with the field that its spelling is nearest to, or with all fields.
[[noreturn]] void refuse(const UnknownKey& unknown);

/// Throws Error at the first key, in the order of the file, that is no field of the config; what
/// lies deeper is looked through as well.
template <Config T>
void check_keys(const Json& json, T& config, const std::string& where) {
  if (!json.is_object()) return;  // from_json says what is wrong
  std::vector<std::string> known;
  T::fields(config, [&](const char* name, auto& value, const char*) {
    known.emplace_back(name);
    if constexpr (Config<std::remove_cvref_t<decltype(value)>>)
      if (const auto found = json.find(name); found != json.end())
        check_keys(*found, value, where + "." + name);
  });
  for (const auto& [key, value] : json.items())
    if (std::find(known.begin(), known.end(), key) == known.end()) refuse({where, key, known});
}

}  // namespace sumi
