// Names and shapes of the full-size models against the key tables, in both directions: whatever
// lists the reference holds under keylists/. Families of later work are named as not covered.

#include <fmt/core.h>

#include <cstdlib>
#include <set>

#include "core/json.h"
#include "gtest/gtest.h"
#include "weights/key_rules.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using Shape = std::vector<std::int64_t>;

fs::path keylists_folder() {
  const char* given = std::getenv("SUMI_REFERENCE");
  return (given && *given ? fs::path(given) : fs::path(SUMI_SOURCE_DIR) / "tests/reference/data") /
         "keylists";
}

const KeyTable* table_for(const std::string& family) {
  if (family.starts_with("sd15")) return &sd1_single_file();
  if (family.starts_with("sd2")) return &sd2_single_file();
  if (family == "sd3_medium") return &sd3_single_file(24);
  return nullptr;
}

/// "sd15.single_file.json" is ("sd15", "single_file").
std::pair<std::string, std::string> parts_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  const auto dot = stem.find('.');
  return {stem.substr(0, dot), dot == std::string::npos ? "" : stem.substr(dot + 1)};
}

std::vector<fs::path> lists(const std::string& layout) {
  std::vector<fs::path> found;
  if (fs::is_directory(keylists_folder()))
    for (const auto& entry : fs::directory_iterator(keylists_folder()))
      if (parts_of(entry.path()).second == layout) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

bool covered(const fs::path& file) {
  const std::string family = parts_of(file).first;
  if (table_for(family)) return true;
  fmt::print("NOT COVERED {}: family belongs to later work\n", family);
  return false;
}

TEST(KeyLists, SingleFilesGoToOursAndBack) {
  int checked = 0;
  for (const fs::path& file : lists("single_file")) {
    if (!covered(file)) continue;
    const KeyTable& table = *table_for(parts_of(file).first);
    const Json tensors = read_json(file).at("tensors");
    std::size_t wrong = 0;
    for (const auto& [name, shape] : tensors.items()) {
      const auto pairs = table.to_ours(name);
      const bool good =
          !pairs.empty() && std::all_of(pairs.begin(), pairs.end(), [&](const KeyPair* pair) {
            const KeyPair* back = table.to_theirs(pair->component, pair->ours);
            return back && back->theirs == name && our_shape(*pair, shape.get<Shape>());
          });
      EXPECT_TRUE(good) << file.filename() << ": " << name;
      wrong += !good;
    }
    fmt::print("{}: {} names, {} wrong\n", file.filename().string(), tensors.size(), wrong);
    ++checked;
  }
  EXPECT_GT(checked, 0) << "no lists under " << keylists_folder();
}

TEST(KeyLists, FolderNamesGoToTheirsAndBack) {
  int checked = 0;
  for (const fs::path& file : lists("diffusers")) {
    if (!covered(file)) continue;
    const KeyTable& table = *table_for(parts_of(file).first);
    const Json components = read_json(file).at("components");
    for (const auto& [label, tensors] : components.items()) {
      // Variants are listed as unet_inpainting and so on.
      const std::string component = label.starts_with("unet") ? "unet" : label;
      const bool of_sd3 = component == "transformer" || component.starts_with("text_encoder_");
      if (component != "unet" && component != "vae" && component != "text_encoder" && !of_sd3) {
        fmt::print("NOT COVERED {} {}: family belongs to later work\n", parts_of(file).first,
                   label);
        continue;
      }
      for (const auto& [name, shape] : tensors.items()) {
        const KeyPair* pair = table.to_theirs(component, name);
        ASSERT_NE(pair, nullptr) << file.filename() << ": " << component << "." << name;
        const auto back = table.to_ours(pair->theirs);
        EXPECT_TRUE(std::any_of(back.begin(), back.end(), [&](const KeyPair* one) {
          return one->component == component && one->ours == name;
        })) << name;
      }
      fmt::print("{} {}: {} names\n", file.filename().string(), label, tensors.size());
    }
    ++checked;
  }
  EXPECT_GT(checked, 0) << "no lists under " << keylists_folder();
}

/// Names and shapes of ours that a single file gives, by component.
std::map<std::string, std::map<std::string, Shape>> ours_of(const KeyTable& table,
                                                            const Json& tensors) {
  std::map<std::string, std::map<std::string, Shape>> ours;
  for (const auto& [name, shape] : tensors.items())
    for (const KeyPair* pair : table.to_ours(name))
      ours[pair->component][pair->ours] = our_shape(*pair, shape.get<Shape>()).value();
  return ours;
}

TEST(KeyLists, BothLayoutsNameTheSameTensors) {
  int checked = 0;
  for (const fs::path& file : lists("diffusers")) {
    const std::string family = parts_of(file).first;
    const fs::path single = keylists_folder() / (family + ".single_file.json");
    if (!table_for(family) || !fs::exists(single)) continue;
    const Json list = read_json(single);
    const KeyTable& table = *table_for(family);
    const auto ours = ours_of(table, list.at("tensors"));
    std::set<std::string> optional;
    for (const auto& name : list.at("optional")) optional.insert(name.get<std::string>());
    const Json diffusers = read_json(file);
    for (const auto& [component, tensors] : diffusers.at("components").items()) {
      for (const auto& [name, shape] : tensors.items()) {
        ASSERT_TRUE(ours.at(component).contains(name)) << family << " " << component << "." << name;
        EXPECT_EQ(ours.at(component).at(name), shape.get<Shape>())
            << family << " " << component << "." << name;
      }
      for (const auto& [name, shape] : ours.at(component))
        if (!tensors.contains(name)) {
          EXPECT_TRUE(optional.contains(table.to_theirs(component, name)->theirs)) << name;
        }
    }
    if (const auto unused = ours.find("unused"); unused != ours.end()) {
      for (const auto& [name, shape] : unused->second) EXPECT_TRUE(optional.contains(name)) << name;
    }
    ++checked;
  }
  EXPECT_GT(checked, 0) << "no family in both layouts under " << keylists_folder();
}

}  // namespace
}  // namespace sumi
