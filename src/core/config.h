#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace sumi {

/// A config is a plain struct with one static member that lists its fields once:
///
///   struct Size {
///     int width_px = 512, height_px = 512;
///     template <class Self, class Visit> static void fields(Self& self, Visit&& visit) {
///       visit("width", self.width_px, "picture width in pixels, a multiple of 8");
///       visit("height", self.height_px, "picture height in pixels, a multiple of 8");
///     }
///   };
///
/// JSON, the command line and documentation are visitors over that list.
template <class T>
concept Config = requires(T& value) {
  T::fields(value, [](const char*, auto&, const char*) {});
};

template <Config T>
Json to_json(const T& config);
template <Config T>
void from_json(const Json& json, T& config, const std::string& where);

namespace config_detail {

template <class T>
struct IsVector : std::false_type {};
template <class E>
struct IsVector<std::vector<E>> : std::true_type {};

template <class T>
Json write(const T& value) {
  if constexpr (Config<T>) {
    return to_json(value);
  } else if constexpr (IsVector<T>::value) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(write(item));
    return list;
  } else {
    return Json(value);
  }
}

template <class T>
void read(const Json& json, T& value, const std::string& where) {
  if constexpr (Config<T>) {
    sumi::from_json(json, value, where);
  } else if constexpr (IsVector<T>::value) {
    if (!json.is_array()) throw Error(fmt::format("{}: expected a list", where), "write [ … ]");
    value.clear();
    for (const auto& item : json) {
      typename T::value_type element{};
      read(item, element, where);
      value.push_back(std::move(element));
    }
  } else {
    const bool fits = std::is_same_v<T, bool>       ? json.is_boolean()
                      : std::is_integral_v<T>       ? json.is_number_integer()
                      : std::is_floating_point_v<T> ? json.is_number()
                                                    : json.is_string();
    if (!fits)
      throw Error(fmt::format("{}: a {} does not fit here", where, json.type_name()),
                  std::is_same_v<T, bool>   ? "write true or false"
                  : std::is_arithmetic_v<T> ? "write a number"
                                            : "write a text in quotes");
    if constexpr (std::integral<T> && !std::is_same_v<T, bool>) {
      const bool in_range = json.is_number_unsigned() ? std::in_range<T>(json.get<std::uint64_t>())
                                                      : std::in_range<T>(json.get<std::int64_t>());
      if (!in_range)
        throw Error(fmt::format("{}: {} is out of range", where, json.dump()),
                    "use a smaller number");
    }
    value = json.get<T>();
  }
}

}  // namespace config_detail

template <Config T>
Json to_json(const T& config) {
  Json object = Json::object();
  T::fields(config, [&](const char* name, const auto& value, const char*) {
    object[name] = config_detail::write(value);
  });
  return object;
}

/// Fills the fields that the JSON object names; the others keep their values. An unknown key is an
/// Error that lists the known ones. `where` (file name and path inside it) starts each Error's
/// text.
template <Config T>
void from_json(const Json& json, T& config, const std::string& where) {
  if (!json.is_object()) throw Error(fmt::format("{}: expected an object", where), "write { … }");
  std::vector<std::string> known;
  T::fields(config, [&](const char* name, auto& value, const char*) {
    known.emplace_back(name);
    if (const auto found = json.find(name); found != json.end())
      config_detail::read(*found, value, where + "." + name);
  });
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw Error(fmt::format("{}: unknown key \"{}\"", where, key),
                fmt::format("known here: {}", fmt::join(known, ", ")));
  }
}

}  // namespace sumi
