#include "data/furniture.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/collection.h"
#include "data/dataset.h"
#include "data/sources.h"
#include "data/sprites.h"
#include "small_zip.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

constexpr const char* kCatalogue =
    "# a catalogue\r\nlicense=Creative Commons Attribution 3.0 license\nname=Small\n"
    "id#2=Small#box\nname#2=Wooden Crate\ntags#2=Blend Swap, Storage, 12\ncategory#2=Living room\n"
    "model#2=/small/box/box.obj\nwidth#2=60\ndepth#2=60\nheight#2=120.0\ncreator#2=Jos\\u00e9\n"
    "id#1=Small#tv\nname#1=TV\ncategory#1=Living room\nmodel#1=/small/box/box.obj\nwidth#1=90\n"
    "depth#1=4\nheight#1=60\nelevation#1=100\nmodelRotation#1=0 0 1 0 1 0 -1 0 0\n"
    "id#3=Small#gone\nname#3=Ghost\ncategory#3=Exterior\nmodel#3=/small/gone.obj\n"
    "id#4=Small#nameless\nmodel#4=/small/box/box.obj\n"
    "id#5=Small#car\nname#5=Ford Focus\ncategory#5=Vehicles\nmodel#5=/small/bad/bad.obj\n"
    "width#5=180\ndepth#5=400\nheight#5=150\nmodelRotation#5=2 0 0 0 1 0 0 0 1\n";

constexpr const char* kBox =
    "mtllib box.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\n"
    "usemtl red\nf 5 6 7 8\nusemtl blue\nf 1 4 3 2\nf 1 5 8 4\nf 2 3 7 6\nf 4 8 7 3\nf 1 2 6 5\n";

void write_catalogue(const fs::path& folder, const std::string& name, std::string catalogue) {
  fs::create_directories(folder);
  write_file(folder / name,
             std::string_view(
                 small_zip({{"PluginFurnitureCatalog.properties", std::move(catalogue)},
                            {"small/box/box.obj", kBox},
                            {"small/box/box.mtl",
                             "newmtl red\nKd 0.9 0 0\nnewmtl blue\nKd 0 0 0.9\nmap_Kd none.png\n"},
                            {"small/bad/bad.obj", "v 0 0 0\nf 1 2 3\n"}})));
}

class Furniture : public testing::Test {
 protected:
  Furniture() {
    const auto folder = source_folder(source_, cache_.path());
    write_catalogue(folder / "usr", "Small.sh3f", kCatalogue);
    write_catalogue(folder / "usr", "Other.sh3f",
                    "license=All rights reserved\nid#1=a\nname#1=a\n"
                    "model#1=/small/box/box.obj\n");
  }
  const Source& source_ = find_source("furniture");
  TemporaryDirectory cache_;
};

TEST_F(Furniture, RowsSayWhatTheCatalogueSays) {
  const auto rows = manifest(source_, cache_.path());
  std::map<std::string, double> weights;
  std::map<std::string, int> sides;
  for (const auto& row : rows) {
    weights[row.name] += row.weight;
    ++sides[row.name];
    EXPECT_EQ(row.style, "3d model");
    EXPECT_EQ(row.licence, "CC-BY-3.0");
    EXPECT_EQ(row.file, "usr/Small.sh3f");
  }
  ASSERT_EQ(weights.size(), 3u) << "the licence of Other.sh3f is not one that is taken";
  for (const auto& [name, weight] : weights) EXPECT_NEAR(weight, 1, 1e-9) << name;
  EXPECT_EQ(sides["wooden crate"], 12);
  EXPECT_LT(sides["television"], 12) << "its side is but an edge";
  EXPECT_EQ(sides["car"], 12);

  const auto crate = std::find_if(rows.begin(), rows.end(),
                                  [](const Row& row) { return row.name == "wooden crate"; });
  EXPECT_EQ(crate->id, "furniture/Small#box@0");
  EXPECT_EQ(crate->item, "Small#box@0");
  EXPECT_EQ(crate->view, "from the front");
  EXPECT_EQ(crate->group, "furniture");
  EXPECT_EQ(crate->subgroup, "living room");
  EXPECT_EQ(crate->author, "Jos\xc3\xa9");
  EXPECT_EQ(crate->tags, std::vector<std::string>{"storage"});
  EXPECT_TRUE(stands_on_floor(*crate));
  for (const auto& row : rows) {
    if (row.name == "television") {
      EXPECT_EQ(row.group, "fixtures");
      EXPECT_FALSE(stands_on_floor(row));
    }
    if (row.view == "from above") {
      EXPECT_FALSE(stands_on_floor(row));
    }
  }
}

TEST_F(Furniture, IsDrawnInTheCataloguesSizeFromEachSide) {
  FurnitureDrawer drawer(source_folder(source_, cache_.path()) / "usr/Small.sh3f");
  const auto front = drawer.draw("Small#box@0", 60, "crate");
  EXPECT_EQ(front.height, 60);
  const auto* middle = front.pixels.data() + (30 * front.width + front.width / 2) * 4;
  EXPECT_GT(middle[0], 100);
  EXPECT_EQ(middle[2], 0);
  const auto side = drawer.draw("Small#box@7", 60, "crate");
  const auto* of_side = side.pixels.data() + (30 * side.width + side.width / 2) * 4;
  EXPECT_EQ(of_side[0], 0);
  EXPECT_GT(of_side[2], 60) << "a texture that is not there leaves the plain colour";
  for (const char* item : {"Small#box@12", "Small#box", "Small#box@x", "Small#none@0",
                           "Small#gone@0", "Small#car@0", ""})
    EXPECT_THROW(drawer.draw(item, 60, "crate"), Error) << item;
}

TEST_F(Furniture, ADamagedModelIsNamedAndTheWorldGoesOn) {
  DatasetConfig config;
  config.sources = {"furniture"};
  config.size_px = 32;
  config.split = "scorer";
  const Dataset dataset(config, cache_.path());
  EXPECT_EQ(dataset.damaged().size(), 12u);
  EXPECT_EQ(dataset.concepts(), (std::vector<std::string>{"television", "wooden crate"}));
  int seen_from = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto caption = dataset.caption_at(i);
    seen_from += caption.find("crate from the side") != caption.npos;
    EXPECT_EQ(caption.find(" in a room"), caption.npos) << caption;
  }
  EXPECT_GT(seen_from, 0);
}

TEST_F(Furniture, IsPeoplesDataByItsName) {
  const fs::path paths[] = {"furniture"};
  const auto found = collect(paths, cache_.path());
  EXPECT_EQ(found.complaints.size(), 12u) << "the car is damaged from each side";
  const auto rows = manifest(source_, cache_.path());
  ASSERT_EQ(found.pictures.size(), rows.size() - 12);
  std::set<std::string> captions;
  for (const auto& picture : found.pictures) {
    EXPECT_TRUE(picture.has_caption);
    EXPECT_EQ(picture.row.licence, "CC-BY-3.0");
    captions.insert(picture.row.caption);
    const auto image = load_picture(picture.row, 0);
    EXPECT_EQ(image.width, 256);
    EXPECT_EQ(image.height, 256);
    ASSERT_EQ(image.channels, 4);
    EXPECT_EQ(image.pixels[3], 0) << "the corner is transparent";
    EXPECT_GT(image.pixels[(128 * 256 + 128) * 4 + 3], 200) << picture.row.id;
  }
  EXPECT_TRUE(captions.contains("a 3d model of a wooden crate from behind"));
  EXPECT_TRUE(captions.contains("a 3d model of a wooden crate"));
  // What was drawn once is read again.
  const fs::path shard = found.pictures[0].row.file;
  EXPECT_EQ(shard.filename(), "Small-1-000000.tar");
  const auto written = fs::last_write_time(shard);
  EXPECT_EQ(collect(paths, cache_.path()).pictures.size(), found.pictures.size());
  EXPECT_EQ(fs::last_write_time(shard), written);
}

TEST_F(Furniture, StandsInRoomsMoreOftenThanOthersAndOnlyOnTheFloor) {
  DatasetConfig config;
  config.sources = {"furniture"};
  config.size_px = 32;
  config.split = "scorer";
  config.scenes.rooms = 0.2;
  const Dataset dataset(config, cache_.path());
  int rooms = 0, crates = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const auto scene = dataset.composition(i);
    ASSERT_TRUE(scene);
    const bool above = scene->caption.find("from above") != std::string::npos;
    const bool crate = scene->caption.find("crate") != std::string::npos;
    crates += crate && !above;
    if (!scene->room) continue;
    ++rooms;
    EXPECT_TRUE(crate && !above) << scene->caption;
    const bool says = scene->caption.find("room") != std::string::npos ||
                      scene->caption.find("wall") != std::string::npos;
    EXPECT_TRUE(says) << scene->caption;
    EXPECT_EQ(dataset.at(i).picture, dataset.at(i).picture);
  }
  EXPECT_NEAR(rooms, 0.8 * crates, 40);
}

TEST(FurnitureCatalogue, LicencesThatAreTaken) {
  const auto licence = [](const std::string& text) {
    return read_furniture_catalogue("license=" + text + "\n", "x").licence;
  };
  EXPECT_EQ(licence("Public domain"), "CC0-1.0");
  EXPECT_EQ(licence("Creative Commons Attribution 3.0 Unported license \xa9 A. B."), "CC-BY-3.0");
  EXPECT_EQ(licence("Creative Commons Attribution 3.0 United States license  Copyright"),
            "CC-BY-3.0-US");
  EXPECT_EQ(licence("Creative Commons Attribution-ShareAlike 3.0"), "");
  EXPECT_EQ(licence(""), "");
  EXPECT_THROW(read_furniture_catalogue(std::string(9u << 20, 'a'), "x"), Error);
}

TEST(FurnitureCatalogue, OddLinesAreTakenAsTheyAre) {
  const auto catalogue = read_furniture_catalogue(
      "name#x=a\n#=b\nid#1\n=\nid#1=i\nname#1=\\u12\nmodel#1=\\\nwidth#1=-1e30\n"
      "id#2=j\nname#2=N\\u0041\\ud800\\q\nmodel#2=m\nmodelRotation#2=1 0 0 0 1 0 0 0 5\n",
      "x");
  ASSERT_EQ(catalogue.pieces.size(), 2u);
  EXPECT_EQ(catalogue.pieces[1].name, "NAq");
  EXPECT_EQ(catalogue.pieces[1].rotation[8], 1) << "it would not keep lengths";
  EXPECT_EQ(catalogue.pieces[0].size_cm.x, 0);
}

}  // namespace
}  // namespace sumi
