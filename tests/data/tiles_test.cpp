#include "data/tiles.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "data/collection.h"
#include "data/dataset.h"
#include "data/edit_pair.h"
#include "data/grounds.h"
#include "data/source_names.h"
#include "data/tiling.h"
#include "mutants.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::SizeIs;

/// As the package writes a function: an SVG document with a place for colour and opacity.
std::string function(const std::string& name, const std::string& size, const std::string& shape) {
  return fmt::format(
      R"x({}=(l="#000000",h=1)=>"url('data:image/svg+xml,%3Csvg%20{}%20)x"
      R"x(xmlns%3D%22http%3A%2F%2Fwww.w3.org%2F2000%2Fsvg%22%3E%3Cg%20fill%3D%22%23".concat()x"
      R"x(c(l),"%22%20fill-opacity%3D%22").concat(h,"%22%3E{}%3C%2Fg%3E%3C%2Fsvg%3E')"))x",
      name, size, shape);
}

/// The left half of a tile of 20 x 10.
constexpr const char* kSize = "width%3D%2220%22%20height%3D%2210%22";
constexpr const char* kLeft = "%3Crect%20width%3D%2210%22%20height%3D%2210%22%2F%3E";

std::string script() {
  return "const c=c=>c.substring(c.indexOf(\"#\")+1)," + function("q", kSize, kLeft) + "," +
         function("$1", "width%3D'40'%20height%3D'40'", "%3Ccircle%20r%3D%2212%22%2F%3E") + "," +
         function("hidden", kSize, kLeft) + "," + function("z", "", kLeft) +
         ";export{q as hexagons,$1 as houndstooth,z as jigsaw,n as leaf};\n";
}

class Tiles : public testing::Test {
 protected:
  Tiles() {
    const auto file = source_folder(source_, cache_.path()) / "package/dist/hero-patterns.es.js";
    fs::create_directories(file.parent_path());
    write_file(file, std::string_view(script()));
  }
  DatasetConfig world() const {
    DatasetConfig config;
    config.sources = {"hero-patterns"};
    config.size_px = 64;
    config.split = "scorer";
    return config;
  }
  const Source& source_ = find_source("hero-patterns");
  TemporaryDirectory cache_;
};

TEST_F(Tiles, AreReadUnderTheNamesTheModuleExports) {
  const TileSet tiles(script(), "x");
  ASSERT_THAT(tiles.svgs(), SizeIs(3));
  EXPECT_EQ(tiles.svgs().at("hexagons"),
            "<svg width=\"20\" height=\"10\" xmlns=\"http://www.w3.org/2000/svg\"><g "
            "fill=\"#000000\" fill-opacity=\"1\"><rect width=\"10\" height=\"10\"/></g></svg>");
  EXPECT_TRUE(tiles.svgs().contains("houndstooth"));
  EXPECT_THROW(tiles.patch("leaf", 80, "x"), Error) << "exported, but not there";
  EXPECT_THROW(tiles.patch("jigsaw", 80, "x"), Error) << "says no size";
  EXPECT_THROW(TileSet("const a=1;", "x"), Error);
  EXPECT_THROW(TileSet(std::string(5u << 20, ' '), "x"), Error);
}

TEST_F(Tiles, FillAPatchThatIsATileAgain) {
  const TileSet tiles(script(), "x");
  const auto patch = tiles.patch("hexagons", 80, "x");
  // Eight beside and sixteen below each other, each of 10 x 5 pixels.
  ASSERT_EQ(patch.width, 80);
  ASSERT_EQ(patch.height, 80);
  for (int y = 0; y < 80; ++y)
    for (int x = 0; x < 80; ++x)
      ASSERT_EQ(patch.pixels[static_cast<std::size_t>((y * 80 + x) * 4 + 3)], x % 10 < 5 ? 255 : 0)
          << x << ' ' << y;
}

TEST(Tiling, HasNoSeamsAndKeepsTheMean) {
  for (const double width : {0.31, 0.8, 1.05}) {
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < 30 * 20; ++i) pixels.insert(pixels.end(), {0, 0, 0, 255});
    Sprite sprite{30, 20, pixels};
    const Tiling tiling{&sprite, {200, 100, 0}, width, 0.37, 0.91};
    std::vector<float> canvas(50 * 50 * 3, 10.0f);
    paint_tiling(tiling, canvas, 50);
    for (std::size_t i = 0; i < canvas.size(); ++i)
      ASSERT_NEAR(canvas[i], tiling.colour[i % 3], 1e-2) << "a full tile hides the ground";
    // Every second column of ten.
    for (std::size_t i = 0; i < 30 * 20; ++i) pixels[4 * i + 3] = i % 30 / 5 % 2 == 0 ? 255 : 0;
    std::fill(canvas.begin(), canvas.end(), 0.0f);
    paint_tiling({&sprite, {255, 255, 255}, 0.5, 0.1, 0}, canvas, 50);  // two repeats
    double mean = 0;
    for (const float value : canvas) mean += value / static_cast<double>(canvas.size());
    EXPECT_NEAR(mean, 127.5, 0.01);
    for (std::size_t x = 0; x < 25; ++x)
      EXPECT_NEAR(canvas[3 * x], canvas[3 * (x + 25)], 1e-2) << "it repeats";
  }
}

TEST_F(Tiles, AWorldShowsThemInTheColoursItSays) {
  const Dataset dataset(world(), cache_.path());
  ASSERT_THAT(dataset.rows(), SizeIs(2)) << "jigsaw says no size";
  ASSERT_THAT(dataset.damaged(), SizeIs(1));
  const auto rgb = [](const std::string& name) {
    for (const auto& colour : ground_colours())
      if (name == colour.name) return colour.rgb;
    ADD_FAILURE() << name;
    return Rgb{};
  };
  int said = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto scene = dataset.composition(i);
    ASSERT_TRUE(scene && scene->tiling);
    EXPECT_THAT(scene->things, IsEmpty());
    const auto& caption = scene->caption;
    const auto of = caption.find(" of ") + 4,
               motif = std::min(caption.find(" hexagons"), caption.find(" houndstooth"));
    ASSERT_NE(motif, caption.npos) << caption;
    EXPECT_LT(colour_distance(scene->tiling->colour, rgb(caption.substr(of, motif - of))), 30);
    const auto on = caption.find(" on a");
    if (on == caption.npos) continue;
    ++said;
    const auto from = caption.find(' ', on + 4) + 1;
    const auto ground = rgb(caption.substr(from, caption.rfind(' ') - from));
    EXPECT_LT(colour_distance(scene->ground, ground), 30) << caption;
    EXPECT_FALSE(make_edit(EditKind::background, dataset.at(i).picture, scene, i))
        << "on another ground the tile may no longer be seen";
  }
  EXPECT_GT(said, 30);
}

TEST_F(Tiles, AreNoThingsThatNamesChoose) {
  const Source* among[] = {&source_};
  EXPECT_THAT(source_names(among, cache_.path()), IsEmpty());
  auto config = world();
  config.scenes.pairs = config.scenes.counts = 1;
  config.in_all_sources = true;
  for (std::uint64_t i = 0; i < 20; ++i)
    EXPECT_TRUE(Dataset(config, cache_.path()).composition(i)->tiling);
}

TEST_F(Tiles, AreInspectedByTheSourcesName) {
  const fs::path paths[] = {"hero-patterns"};
  const auto found = collect(paths, cache_.path());
  ASSERT_THAT(found.pictures, SizeIs(2));
  EXPECT_THAT(found.complaints, SizeIs(1));
  EXPECT_EQ(found.pictures[0].row.caption, "a seamless pattern of hexagons");
  const auto picture = load_picture(found.pictures[0].row, 0);
  EXPECT_EQ(picture.channels, 4);
  EXPECT_NEAR(picture.width, 256, 8);
}

TEST(TileMutants, Modules) {
  const std::vector<std::string> seeds = {script()};
  expect_both_ends(check_mutants(seeds, 4000, 31, [](const std::string& file) {
    try {
      return !TileSet(file, "mutant").svgs().empty();
    } catch (const Error&) {
      return false;
    }
  }));
}

}  // namespace
}  // namespace sumi
