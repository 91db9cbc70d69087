// Who may include whom: ARCHITECTURE.md's table as data, held against every #include "…" under src.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace fs = std::filesystem;

namespace {

using Rooms = std::set<std::string>;

const std::map<std::string, Rooms> kMayInclude = {
    {"core", {}},
    {"media", {"core"}},
    {"text", {"core"}},
    {"weights", {"core"}},
    {"nn", {"core"}},
    {"diffusion", {"core"}},
    {"models", {"core", "text", "nn", "weights"}},
    {"pipelines", {"core", "media", "text", "weights", "diffusion", "models"}},
    {"data", {"core", "media", "text", "weights", "models"}},
    {"training", {"core", "media", "text", "nn", "weights", "diffusion", "models", "data"}},
    {"cli",
     {"core", "media", "text", "weights", "nn", "diffusion", "models", "pipelines", "data",
      "training"}},
};

/// Rooms that hold no tensors: none of their files may come near LibTorch.
const Rooms kPlainRooms = {"data", "media", "text"};

bool is_source(const fs::path& file) {
  const auto extension = file.extension();
  return extension == ".h" || extension == ".cpp" || extension == ".inc";
}

/// The names in `#include "name"` lines, or in `#include <name>` lines.
std::vector<std::string> includes(std::istream& text, char open, char close) {
  std::vector<std::string> names;
  for (std::string line; std::getline(text, line);) {
    const auto hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const auto word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0) continue;
    const auto begin = line.find(open, word + 7);
    const auto end = begin == std::string::npos ? begin : line.find(close, begin + 1);
    if (end != std::string::npos) names.push_back(line.substr(begin + 1, end - begin - 1));
  }
  return names;
}

/// One line for each include of `file` that the table forbids.
std::vector<std::string> complaints(const std::string& room, const std::string& file,
                                    const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const auto& name : names) {
    const auto slash = name.find('/');
    const auto target = slash == std::string::npos ? "" : name.substr(0, slash);
    if (!kMayInclude.contains(target))
      found.push_back(file + ": \"" + name + "\" does not start with a room's name");
    else if (target != room && !kMayInclude.at(room).contains(target))
      found.push_back(file + ": " + room + " may not include \"" + name + "\"");
  }
  return found;
}

struct Source {
  std::string room;
  std::string name;
  fs::path path;
};

std::vector<Source> sources() {
  const fs::path root = fs::path(SUMI_SOURCE_DIR) / "src";
  std::vector<Source> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || !is_source(entry.path())) continue;
    const auto name = fs::relative(entry.path(), root);
    found.push_back({name.begin()->string(), name.string(), entry.path()});
  }
  return found;
}

/// The rows `| room, room | room, … |` of the table under "Who may include whom".
std::map<std::string, Rooms> documented_table() {
  std::ifstream page(fs::path(SUMI_SOURCE_DIR) / "ARCHITECTURE.md");
  std::map<std::string, Rooms> table;
  const auto words = [](const std::string& cell) {
    Rooms rooms;
    std::string word;
    for (const char c : cell + " ") {
      if (std::isalpha(static_cast<unsigned char>(c)))
        word += c;
      else if (!word.empty())
        rooms.insert(std::exchange(word, ""));
    }
    return rooms;
  };
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| room | may include"))
      inside = true;
    else if (!line.starts_with("|"))
      inside = inside && line.empty() && table.empty();
    else if (inside && !line.starts_with("|---")) {
      const auto middle = line.find('|', 1);
      for (const auto& room : words(line.substr(1, middle - 1)))
        table[room] = words(line.substr(middle));
    }
  }
  return table;
}

TEST(IncludeTable, EverySourceKeepsToIt) {
  const auto files = sources();
  ASSERT_GT(files.size(), 20u);
  for (const auto& source : files) {
    ASSERT_TRUE(kMayInclude.contains(source.room)) << source.name << ": unknown room";
    std::ifstream text(source.path);
    for (const auto& line : complaints(source.room, source.name, includes(text, '"', '"')))
      ADD_FAILURE() << line;
  }
}

TEST(IncludeTable, OnlyCoreOpensTheDoorToLibTorch) {
  for (const auto& source : sources()) {
    std::ifstream text(source.path);
    for (const auto& name : includes(text, '<', '>')) {
      const bool torch = name.starts_with("torch/torch.h") || name.starts_with("torch/types.h");
      EXPECT_FALSE(torch && source.room != "core") << source.name << " includes <" << name << ">";
      const bool any =
          name.starts_with("torch/") || name.starts_with("ATen/") || name.starts_with("c10/");
      EXPECT_FALSE(any && kPlainRooms.contains(source.room))
          << source.name << " includes <" << name << "> in a room without LibTorch";
    }
  }
}

TEST(IncludeTable, RoomsWithoutTensorsIncludeNone) {
  for (const auto& source : sources()) {
    if (!kPlainRooms.contains(source.room)) continue;
    std::ifstream text(source.path);
    for (const auto& name : includes(text, '"', '"'))
      EXPECT_NE(name, "core/tensor.h") << source.name;
  }
}

TEST(IncludeTable, IsTheOneThatTheArchitecturePageShows) {
  const auto page = documented_table();
  ASSERT_FALSE(page.empty()) << "ARCHITECTURE.md has no include table";
  for (const auto& [room, allowed] : kMayInclude) {
    ASSERT_TRUE(page.contains(room)) << room << " is missing in ARCHITECTURE.md";
    if (room == "cli") {
      EXPECT_TRUE(page.at(room).contains("anything"));
    } else {
      EXPECT_EQ(page.at(room), allowed) << room;
    }
  }
}

TEST(IncludeTable, HasNoCircles) {
  std::set<std::string> placed;
  for (std::size_t before = placed.size() + 1; placed.size() != before;) {
    before = placed.size();
    for (const auto& [room, allowed] : kMayInclude)
      if (std::includes(placed.begin(), placed.end(), allowed.begin(), allowed.end()))
        placed.insert(room);
  }
  EXPECT_EQ(placed.size(), kMayInclude.size());
}

TEST(IncludeTable, ForbiddenAndUnknownIncludesAreFound) {
  EXPECT_TRUE(
      complaints("models", "x.cpp", {"core/error.h", "nn/layers.h", "models/vae.h"}).empty());
  EXPECT_EQ(complaints("diffusion", "x.cpp", {"models/unet.h"}).size(), 1u);
  EXPECT_EQ(complaints("pipelines", "x.cpp", {"training/trainer.h"}).size(), 1u);
  EXPECT_EQ(complaints("core", "x.cpp", {"utils/text.h", "neighbour.h"}).size(), 2u);
  std::istringstream text(
      "#include \"core/a.h\"\n  #  include \"nn/b.h\" // why\n#include <vector>\n");
  EXPECT_EQ(includes(text, '"', '"'), (std::vector<std::string>{"core/a.h", "nn/b.h"}));
}

}  // namespace
