#include "data/iconify.h"

#include <fmt/format.h>

#include "core/error.h"

namespace sumi {
namespace {

constexpr int kMaxAliases = 8;

const Json* find(const Json& object, const char* table, std::string_view name) {
  const auto entries = object.find(table);
  if (entries == object.end() || !entries->is_object()) return nullptr;
  const auto entry = entries->find(std::string(name));
  return entry == entries->end() || !entry->is_object() ? nullptr : &*entry;
}

double number(const Json& object, const char* key, double otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : otherwise;
}

bool truth(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

IconSet::IconSet(Json json, std::string origin)
    : json_(std::move(json)), origin_(std::move(origin)) {
  if (!json_.is_object() || !json_.contains("icons") || !json_["icons"].is_object())
    throw Error(fmt::format("{}: no table of icons", origin_), "fetch the source again");
}

std::vector<std::string> IconSet::names() const {
  std::vector<std::string> result;
  for (const auto& [name, icon] : json_["icons"].items()) result.push_back(name);
  return result;
}

bool IconSet::contains(std::string_view name) const {
  return find(json_, "icons", name) != nullptr || find(json_, "aliases", name) != nullptr;
}

std::string IconSet::svg(std::string_view name) const {
  bool flip_x = false, flip_y = false;
  double turns = 0;
  const Json* icon = find(json_, "icons", name);
  std::string current(name);
  for (int depth = 0; icon == nullptr && depth < kMaxAliases; ++depth) {
    const Json* alias = find(json_, "aliases", current);
    if (alias == nullptr || !alias->contains("parent") || !(*alias)["parent"].is_string()) break;
    flip_x ^= truth(*alias, "hFlip");
    flip_y ^= truth(*alias, "vFlip");
    turns += number(*alias, "rotate", 0);
    current = (*alias)["parent"].get<std::string>();
    icon = find(json_, "icons", current);
  }
  if (icon == nullptr || !icon->contains("body") || !(*icon)["body"].is_string())
    throw Error(fmt::format("{}: no icon \"{}\"", origin_, name), "fetch the source again");

  const double width = number(*icon, "width", number(json_, "width", 16));
  const double height = number(*icon, "height", number(json_, "height", 16));
  const double left = number(*icon, "left", 0), top = number(*icon, "top", 0);
  const double centre_x = left + width / 2, centre_y = top + height / 2;
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "
      "viewBox=\"{} {} {} {}\" width=\"{}\" height=\"{}\">"
      "<g transform=\"translate({} {}) rotate({}) scale({} {}) translate({} {})\">{}</g></svg>",
      left, top, width, height, width, height, centre_x, centre_y, 90 * turns, flip_x ? -1 : 1,
      flip_y ? -1 : 1, -centre_x, -centre_y, (*icon)["body"].get_ref<const std::string&>());
}

}  // namespace sumi
