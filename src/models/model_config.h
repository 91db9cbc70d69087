#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"

namespace sumi {

/// A key of a published config that our structs have no field for. `accepted` holds the JSON values
/// under which the architecture is the one we build; empty when the key never changes it.
struct ForeignKey {
  std::string_view name;
  std::vector<Json> accepted = {};
};

/// A model's config.json in the published (diffusers, transformers) form, made ready for from_json:
/// - keys that begin with '_', unknown keys that are null, and `foreign` keys with an accepted
/// value go;
/// - a known field that is null goes too, so that it keeps its default;
/// - a known list field given as one value becomes a list of `list_length` of them.
/// Any other key, or a foreign key with another value, is an Error: the network would be another
/// one.
Json normalise_model_config(const Json& published, const std::vector<std::string>& known,
                            const std::vector<std::string>& lists, std::size_t list_length,
                            const std::vector<ForeignKey>& foreign, const std::string& where);

namespace model_config_detail {

template <Config T>
void field_names(const T& config, std::vector<std::string>& known,
                 std::vector<std::string>& lists) {
  T::fields(config, [&](const char* name, const auto& value, const char*) {
    known.emplace_back(name);
    if constexpr (config_detail::IsVector<std::decay_t<decltype(value)>>::value)
      lists.emplace_back(name);
  });
}

/// Lists of numbers that `json` leaves out get one default per block.
template <Config T>
void fit_default_lists(const Json& json, T& config, std::size_t length) {
  T::fields(config, [&](const char* name, auto& value, const char*) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (config_detail::IsVector<Value>::value) {
      if constexpr (std::is_arithmetic_v<typename Value::value_type>) {
        if (!json.contains(name) && value.size() != length) value = Value(length, Value(value)[0]);
      }
    }
  });
}

}  // namespace model_config_detail

/// Reads a published config.json into T, a Config with `static std::vector<ForeignKey> foreign()`
/// and `void check(where)`, which throws Error for values that do not fit together.
template <Config T>
T read_model_config(const Json& published, const std::string& where) {
  T config;
  std::vector<std::string> known, lists;
  model_config_detail::field_names(config, known, lists);
  const bool has_blocks = published.is_object() && published.contains("block_out_channels") &&
                          published["block_out_channels"].is_array();
  const std::size_t list_length =
      has_blocks ? published["block_out_channels"].size() : T::default_list_length;
  const auto ours =
      normalise_model_config(published, known, lists, list_length, T::foreign(), where);
  model_config_detail::fit_default_lists(ours, config, list_length);
  from_json(ours, config, where);
  config.check(where);
  return config;
}

}  // namespace sumi
