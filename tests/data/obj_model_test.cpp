#include "data/obj_model.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace sumi {
namespace {

constexpr const char* kSquare =
    "# a square\nmtllib wood and glass.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\r\nv 0 1 0 1.0\n"
    "vt 0 0\nvt 1.5\nvn 0 0 1\ng top\nusemtl old oak\ns off\nf 1/1/1 2/2/1 3//1 4\n";

TEST(ObjModel, ReadsPolygonsWithPlacesNormalsAndMaterials) {
  const auto model = parse_obj(kSquare, "square.obj");
  ASSERT_EQ(model.positions.size(), 4u);
  EXPECT_EQ(model.positions[2], (std::array{1.0f, 1.0f, 0.0f}));
  EXPECT_EQ(model.texture_points[1], (std::array{1.5f, 0.0f}));
  EXPECT_EQ(model.libraries, std::vector<std::string>{"wood and glass.mtl"});
  EXPECT_EQ(model.material_names, std::vector<std::string>{"old oak"});
  ASSERT_EQ(model.faces.size(), 1u);
  EXPECT_EQ(model.faces[0].count, 4u);
  EXPECT_EQ(model.faces[0].material, 0);
  const auto& corners = model.corners;
  EXPECT_EQ(corners[1].position, 1);
  EXPECT_EQ(corners[1].texture_point, 1);
  EXPECT_EQ(corners[2].texture_point, -1);
  EXPECT_EQ(corners[2].normal, 0);
  EXPECT_EQ(corners[3].normal, -1);
}

TEST(ObjModel, NegativeIndicesCountFromTheLastEntry) {
  const auto model =
      parse_obj("v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 5 5 5\nf -1 -2 1\n", "back.obj");
  ASSERT_EQ(model.corners.size(), 6u);
  const int expected[] = {0, 1, 2, 3, 2, 0};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(model.corners[i].position, expected[i]) << i;
}

TEST(ObjModel, FacesMayComeBeforeTheirCorners) {
  const auto model = parse_obj("v 0 0 0\nf 1 2 3\nv 1 0 0\nv 0 1 0\n", "ahead.obj");
  EXPECT_EQ(model.corners.at(2).position, 2);
}

TEST(ObjModel, PointsAndLinesAreNoFaces) {
  const auto model = parse_obj("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1\nf 1 2\nl 1 2\nf 1 2 3\n", "x.obj");
  EXPECT_EQ(model.faces.size(), 1u);
  EXPECT_EQ(model.corners.size(), 3u);
}

TEST(ObjModel, HostileFilesAreErrorsThatNameTheLine) {
  const std::string three = "v 0 0 0\nv 1 0 0\nv 0 1 0\n";
  for (const std::string& text :
       {three + "f 1 2 4", three + "f 1 2 0", three + "f 1 2 -4", three + "f 1 2 x",
        three + "f 1 2 3/1", three + "f 1//1 2 3", three + "f 1 2 99999999999999999999",
        std::string("\n\nf 1 2 3"), std::string("\n\n\nv 1 2"), std::string("\n\n\nv 1 2 nan"),
        std::string("\n\n\nv 1 inf 2"), std::string("\n\n\nv 1 2 1e99"),
        std::string("\n\n\nv 1 2 3x"), std::string("\n\n\nvt"),
        "\n\n\nf" + std::string(70'000, ' ')}) {
    try {
      parse_obj(text, "bad.obj");
      ADD_FAILURE() << text.substr(0, 60);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find("bad.obj: line "), 0u) << error.what();
    }
  }
}

TEST(ObjModel, LimitsHold) {
  const std::string text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nusemtl a\nusemtl b\nf 1 2 3 4\n";
  EXPECT_NO_THROW(parse_obj(text, "x", {.vertices = 4, .corners = 4, .face_corners = 4}));
  EXPECT_THROW(parse_obj(text, "x", {.bytes = 20}), Error);
  EXPECT_THROW(parse_obj(text, "x", {.vertices = 3}), Error);
  EXPECT_THROW(parse_obj(text, "x", {.corners = 3}), Error);
  EXPECT_THROW(parse_obj(text, "x", {.face_corners = 3}), Error);
  EXPECT_THROW(parse_obj(text, "x", {.names = 1}), Error);
}

TEST(Mtl, ReadsWhatSurfacesAreMadeOf) {
  const auto materials = parse_mtl(
      "# two\nnewmtl old oak\nKd 0.5 0.25 2\nKs 0.1 0.1 0.1\nNs 96\nd 0.4\nillum 2\n"
      "map_Kd C:\\my pictures\\oak.jpg\nnewmtl glass\nTr 0.75\nmap_Kd -s 1 1 1 pane.png\n",
      "x.mtl");
  ASSERT_EQ(materials.size(), 2u);
  EXPECT_EQ(materials[0].name, "old oak");
  EXPECT_EQ(materials[0].diffuse, (std::array{0.5f, 0.25f, 1.0f}));
  EXPECT_EQ(materials[0].shininess, 96);
  EXPECT_FLOAT_EQ(materials[0].opacity, 0.4f);
  EXPECT_EQ(materials[0].diffuse_map, "C:\\my pictures\\oak.jpg");
  EXPECT_FLOAT_EQ(materials[1].opacity, 0.25f);
  EXPECT_EQ(materials[1].diffuse_map, "pane.png");
  EXPECT_THROW(parse_mtl("newmtl a\nKd 1 2\n", "x.mtl"), Error);
  EXPECT_THROW(parse_mtl("newmtl a\nd nan\n", "x.mtl"), Error);
}

}  // namespace
}  // namespace sumi
