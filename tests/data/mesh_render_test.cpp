#include "data/mesh_render.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace sumi {
namespace {

/// A box from 0 to (width, height, depth): red in front (z = depth), green behind, gray around.
Mesh box(float width, float height, float depth) {
  const std::string text =
      "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\n"
      "usemtl front\nf 5 6 7 8\nusemtl back\nf 1 4 3 2\n"
      "usemtl side\nf 1 5 8 4\nf 2 3 7 6\nf 4 8 7 3\nf 1 2 6 5\n";
  const ObjMaterial materials[] = {{.name = "front", .diffuse = {0.8f, 0, 0}},
                                   {.name = "back", .diffuse = {0, 0.8f, 0}},
                                   {.name = "side", .diffuse = {0.5f, 0.5f, 0.5f}}};
  auto mesh = make_mesh(parse_obj(text, "box.obj"), materials, {}, "box.obj");
  turn_and_stretch(mesh, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {width, height, depth});
  return mesh;
}

struct Colour {
  int red, green, blue, alpha;
};
Colour at(const Image& image, int x, int y) {
  const auto* pixel = image.pixels.data() + (y * image.width + x) * 4;
  return {pixel[0], pixel[1], pixel[2], pixel[3]};
}

double covered(const Image& image) {
  double sum = 0;
  for (std::size_t i = 3; i < image.pixels.size(); i += 4) sum += image.pixels[i] / 255.0;
  return sum;
}

RenderOptions seen_from(double azimuth, double elevation, double field = 0) {
  RenderOptions options;
  options.camera = {azimuth, elevation, field};
  return options;
}

TEST(MeshRender, ACubeFromTheFrontIsItsFrontSquare) {
  const auto image = render_mesh(box(1, 1, 1), 50, seen_from(0, 0), "cube");
  EXPECT_EQ(image.width, 50);
  EXPECT_EQ(image.height, 50);
  EXPECT_NEAR(covered(image), 48 * 48, 1);
  for (const int x : {2, 25, 47}) {
    EXPECT_GT(at(image, x, 25).red, 100);
    EXPECT_EQ(at(image, x, 25).green, 0);
    EXPECT_EQ(at(image, x, 25).alpha, 255);
  }
  EXPECT_EQ(at(image, 0, 0).alpha, 0);
  const auto behind = render_mesh(box(1, 1, 1), 50, seen_from(180, 0), "cube");
  EXPECT_GT(at(behind, 25, 25).green, 100);
  EXPECT_EQ(at(behind, 25, 25).red, 0);
}

TEST(MeshRender, SilhouettesHaveTheAreaOfGeometry) {
  // At 45 degrees a cube shows two faces, each as wide as half the diagonal.
  const auto turned = render_mesh(box(1, 1, 1), 102, seen_from(45, 0), "cube");
  EXPECT_NEAR(covered(turned), 100 * 100 / std::sqrt(2.0), 100);
  // From 30 degrees above: height cos 30 of the front and sin 30 of the top.
  const auto above = render_mesh(box(1, 1, 1), 102, seen_from(0, 30), "cube");
  const double tall = std::cos(M_PI / 6) + 0.5;
  EXPECT_NEAR(covered(above), 100 * 100 / tall, 120);
  const auto wide = render_mesh(box(4, 1, 1), 82, seen_from(0, 0), "box");
  EXPECT_EQ(wide.width, 82);
  EXPECT_EQ(wide.height, 22);
}

TEST(MeshRender, InPerspectiveTheFrontIsLargerThanTheBack) {
  // From straight in front only the front face is seen, as it hides the smaller back.
  const auto image = render_mesh(box(1, 1, 3), 60, seen_from(0, 0, 40), "box");
  EXPECT_NEAR(covered(image), 58 * 58, 2);
  EXPECT_GT(at(image, 30, 30).red, 100);
  // A little from above the top's far edge is shorter than its near one.
  const auto above = render_mesh(box(1, 1, 3), 60, seen_from(0, 25, 40), "box");
  const auto width_at = [&](int y) {
    int count = 0;
    for (int x = 0; x < above.width; ++x) count += at(above, x, y).alpha > 127;
    return count;
  };
  EXPECT_LT(width_at(2), width_at(above.height / 2) - 4);
}

TEST(MeshRender, ShadesFollowFromNormalAndLights) {
  // A floor seen from above: its normal is up, and the key light stands at (-0.5, 0.8, 0.6).
  auto mesh = box(1, 1, 1);
  const double to_key = 0.8 / std::sqrt(0.25 + 0.64 + 0.36);
  for (const auto& lights : {Lights{0.3, 0.1, 0, 0}, Lights{0, 0, 0.5, 0}}) {
    auto options = seen_from(0, 89.99);
    options.lights = lights;
    const auto image = render_mesh(mesh, 32, options, "cube");
    const double albedo = std::pow((0.5 + 0.055) / 1.055, 2.4);
    const double light = albedo * (lights.sky + lights.key * to_key);
    const double shade = 255 * (1.055 * std::pow(light, 1 / 2.4) - 0.055);
    EXPECT_NEAR(at(image, 16, 16).red, shade, 1.01);
    EXPECT_EQ(at(image, 16, 16).red, at(image, 16, 16).blue);
  }
}

TEST(MeshRender, BothSidesOfASheetAreLitAlike) {
  const std::string there = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n";
  const std::string back = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 4 3 2 1\n";
  const auto one = make_mesh(parse_obj(there, "a"), {}, {}, "a");
  const auto other = make_mesh(parse_obj(back, "b"), {}, {}, "b");
  EXPECT_EQ(render_mesh(one, 32, seen_from(20, 10), "a"),
            render_mesh(other, 32, seen_from(20, 10), "b"));
}

TEST(MeshRender, NeighboursLeaveNoCracksAndGlassIsLaidOnce) {
  // A fan of thin triangles about a point inside: each pixel within belongs to exactly one.
  std::string text = "v 0.31 0.17 0\n";
  constexpr int kSpokes = 97;
  for (int i = 0; i < kSpokes; ++i)
    text += "v " + std::to_string(std::cos(2 * M_PI * i / kSpokes)) + " " +
            std::to_string(std::sin(2 * M_PI * i / kSpokes)) + " 0\n";
  text += "usemtl glass\n";
  for (int i = 0; i < kSpokes; ++i)
    text += "f 1 " + std::to_string(i + 2) + " " + std::to_string((i + 1) % kSpokes + 2) + "\n";
  for (const float opacity : {1.0f, 0.5f}) {
    const ObjMaterial materials[] = {{.name = "glass", .opacity = opacity}};
    const auto mesh = make_mesh(parse_obj(text, "fan"), materials, {}, "fan");
    const auto image = render_mesh(mesh, 64, seen_from(0, 0), "fan");
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x)
        if (std::hypot(x - 31.5, y - 31.5) < 28) {
          EXPECT_EQ(at(image, x, y).alpha, opacity < 1 ? 128 : 255) << x << " " << y;
        }
  }
}

TEST(MeshRender, WhatStandsBeforeALampCastsAShadow) {
  // A plate over a floor: the key light comes from above, so the floor under it is darker.
  const std::string text =
      "v -2 0 -2\nv 2 0 -2\nv 2 0 2\nv -2 0 2\nf 4 3 2 1\n"
      "v -0.5 0.6 -0.5\nv 0.5 0.6 -0.5\nv 0.5 0.6 0.5\nv -0.5 0.6 0.5\nf 8 7 6 5\n";
  const auto mesh = make_mesh(parse_obj(text, "plate"), {}, {}, "plate");
  auto options = seen_from(0, 70);
  const auto with = render_mesh(mesh, 64, options, "plate");
  options.shadows = false;
  const auto without = render_mesh(mesh, 64, options, "plate");
  int darker = 0, lighter = 0;
  for (std::size_t i = 0; i < with.pixels.size(); i += 4) {
    darker += with.pixels[i] + 20 < without.pixels[i];
    lighter += with.pixels[i] > without.pixels[i] + 2;
  }
  EXPECT_GT(darker, 100);
  EXPECT_LT(darker, 64 * 64 / 4);
  EXPECT_EQ(lighter, 0);
}

TEST(MeshRender, TexturesLieAsTheirPlacesSay) {
  Image picture{
      2, 2, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}};  // red green / blue white
  const auto texture = std::make_shared<const Texture>(picture);
  const std::string text =
      "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl a\n"
      "f 1/1 2/2 3/3 4/4\n";
  const ObjMaterial materials[] = {{.name = "a", .diffuse_map = "four.png"}};
  const auto mesh = make_mesh(
      parse_obj(text, "a"), materials, [&](const std::string&) { return texture; }, "a");
  const auto image = render_mesh(mesh, 40, seen_from(0, 0), "a");
  const auto upper_left = at(image, 11, 11), upper_right = at(image, 29, 11);
  const auto lower_left = at(image, 11, 29);
  EXPECT_GT(upper_left.red, 5 * upper_left.green + 100);
  EXPECT_GT(upper_right.green, 5 * upper_right.red + 100);
  EXPECT_GT(lower_left.blue, 5 * lower_left.red + 100);
}

TEST(MeshRender, ComesOutTheSameAgain) {
  const auto options = seen_from(30, 20, 28);
  EXPECT_EQ(render_mesh(box(1, 2, 3), 48, options, "a"),
            render_mesh(box(1, 2, 3), 48, options, "a"));
}

TEST(MeshRender, RefusesSizesAndMeshesThatCannotBeDrawn) {
  const auto mesh = box(1, 1, 1);
  EXPECT_THROW(render_mesh(mesh, 4, {}, "a"), Error);
  EXPECT_THROW(render_mesh(mesh, 5000, {}, "a"), Error);
  RenderOptions options;
  options.samples = 0;
  EXPECT_THROW(render_mesh(mesh, 32, options, "a"), Error);
  EXPECT_THROW(render_mesh({}, 32, {}, "a"), Error);
  const auto far =
      make_mesh(parse_obj("v 0 0 0\nv 1e15 0 0\nv 0 1e15 0\nf 1 2 3\n", "far"), {}, {}, "far");
  EXPECT_THROW(render_mesh(far, 32, {}, "far"), Error);
}

TEST(Mesh, HollowPolygonsKeepTheirShape) {
  // An L: 3 of 4 unit squares.
  const std::vector<Vec3> corners = {{0, 0, 0}, {2, 0, 0}, {2, 1, 0},
                                     {1, 1, 0}, {1, 2, 0}, {0, 2, 0}};
  for (const bool backwards : {false, true}) {
    auto polygon = corners;
    if (backwards) std::reverse(polygon.begin(), polygon.end());
    const auto cut = cut_into_triangles(polygon);
    ASSERT_EQ(cut.size(), 4u);
    double area = 0;
    for (const auto& [a, b, c] : cut)
      area += length(cross(polygon[b] - polygon[a], polygon[c] - polygon[a])) / 2;
    EXPECT_NEAR(area, 3, 1e-6);
  }
}

TEST(Mesh, SmoothWhereFacesBendLittleAndSharpAtEdges) {
  const auto cube = box(1, 1, 1);
  for (const auto& triangle : cube.triangles)
    for (const auto& normal : triangle.normal)
      EXPECT_NEAR(std::max({std::abs(normal.x), std::abs(normal.y), std::abs(normal.z)}), 1, 1e-6);
  // Two faces that meet at 20 degrees share the normal between them.
  const std::string bent =
      "v 0 0 0\nv 0 0 1\nv 1 0 0\nv 1 0 1\nv -0.9397 -0.342 0\nv -0.9397 -0.342 1\n"
      "f 1 2 4 3\nf 5 6 2 1\n";
  const auto mesh = make_mesh(parse_obj(bent, "bent"), {}, {}, "bent");
  const double half = std::sin(M_PI / 18);
  for (const auto& triangle : mesh.triangles)
    for (std::size_t k = 0; k < 3; ++k)
      if (triangle.at[k].x == 0) {
        EXPECT_NEAR(std::abs(triangle.normal[k].x), half, 1e-3);
      }
  EXPECT_THROW(make_mesh(parse_obj("v 0 0 0\nv 1 1 1\nv 2 2 2\nf 1 2 3\n", "line"), {}, {}, "line"),
               Error);
}

}  // namespace
}  // namespace sumi
