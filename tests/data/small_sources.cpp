#include "small_sources.h"

#include <fmt/format.h>

#include "core/files.h"
#include "core/json.h"
#include "data/sources.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

struct Emoji {
  const char* code;
  const char* label;
  int group;
};

constexpr Emoji kEmoji[] = {{"1F34E", "red apple", 4},
                            {"1F431", "cat", 3},
                            {"1F436", "dog", 3},
                            {"1F697", "automobile", 5},
                            {"1F3E0", "house", 5},
                            {"1F347", "grapes", 4},
                            {"1F989", "owl", 3},
                            {"2602-FE0F", "umbrella", 5},
                            {"1F98B", "butterfly", 3},
                            {"1F981", "lion", 3},
                            {"1F3B8", "guitar", 6},
                            {"1F1E6", "regional indicator A", -1},
                            {"1F1EB-1F1F7", "flag: France", 9}};

void write_set(const fs::path& folder, const std::string& shape, const std::string& without) {
  Json icons = Json::object(), codes = Json::object();
  int hue = 0;
  for (const auto& [code, label, group] : kEmoji) {
    hue += 27;
    if (label == without) continue;
    const auto name = fmt::format("icon-{}", code);
    icons[name] = {
        {"body", fmt::format(fmt::runtime(shape), fmt::format("hsl({},90%,50%)", hue % 360))}};
    std::string lower(code);
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    codes[lower.substr(0, lower.find("-fe0f"))] = name;
  }
  const Json set = {{"prefix", "small"}, {"icons", icons}, {"width", 10}, {"height", 10}};
  fs::create_directories(folder / "package");
  write_file(folder / "package" / "icons.json", set.dump());
  write_file(folder / "package" / "chars.json", codes.dump());
}

}  // namespace

void write_small_sources(const fs::path& cache) {
  Json list = Json::array();
  for (const auto& [code, label, group] : kEmoji) {
    Json entry = {{"label", label}, {"hexcode", code}, {"tags", {"nice", "143", "thing"}}};
    if (group >= 0) entry["group"] = group, entry["subgroup"] = group;
    list.push_back(entry);
  }
  const Json names = {{"3", "animals-nature"},
                      {"4", "food-drink"},
                      {"5", "travel-places"},
                      {"6", "activities"},
                      {"9", "flags"}};
  const Json groups = {{"groups", names}, {"subgroups", names}};
  const auto folder = source_folder(find_source("emojibase"), cache) / "package";
  fs::create_directories(folder / "en");
  fs::create_directories(folder / "meta");
  write_file(folder / "en" / "data.json", list.dump());
  write_file(folder / "meta" / "groups.json", groups.dump());
  write_set(source_folder(find_source("fluent-emoji-flat"), cache),
            "<rect x='1' y='2' width='8' height='6' fill='{}'/>", "");
  write_set(source_folder(find_source("noto"), cache), "<circle cx='5' cy='5' r='4' fill='{}'/>",
            "guitar");
}

}  // namespace sumi
