#include "models/model_config.h"

namespace sumi {
namespace {

template <class T>
bool contains(const std::vector<T>& list, const std::type_identity_t<T>& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

void check_foreign(const ForeignKey& rule, const Json& value, const std::string& where) {
  if (rule.accepted.empty() || value.is_null() || contains(rule.accepted, value)) return;
  throw Error(fmt::format("{}.{}: {} is not supported", where, rule.name, value.dump()),
              fmt::format("this network needs parts that Sumi does not have; supported: {}",
                          Json(rule.accepted).dump()));
}

}  // namespace

Json normalise_model_config(const Json& published, const std::vector<std::string>& known,
                            const std::vector<std::string>& lists, std::size_t list_length,
                            const std::vector<ForeignKey>& foreign, const std::string& where) {
  if (!published.is_object())
    throw Error(fmt::format("{}: expected an object", where), "this is not a model's config.json");
  Json ours = Json::object();
  for (const auto& [key, value] : published.items()) {
    if (contains(known, key)) {
      if (value.is_null()) continue;
      const bool spread = contains(lists, key) && !value.is_array();
      ours[key] = spread ? Json(std::vector<Json>(list_length, value)) : value;
      continue;
    }
    if (value.is_null() || key.starts_with('_')) continue;
    const auto rule = std::find_if(foreign.begin(), foreign.end(),
                                   [&](const ForeignKey& f) { return f.name == key; });
    if (rule == foreign.end())
      throw Error(
          fmt::format("{}: unknown key \"{}\"", where, key),
          "it may change the network in a way Sumi does not know; remove it if it does not");
    check_foreign(*rule, value, where);
  }
  return ours;
}

}  // namespace sumi
