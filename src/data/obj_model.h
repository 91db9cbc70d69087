#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sumi {

/// What a model file may hold; more is refused before it is kept.
struct ObjLimits {
  std::size_t bytes = 64u << 20;
  std::size_t line_bytes = 64u << 10;
  std::size_t vertices = 2'000'000;  ///< of each kind: positions, normals, places on textures
  std::size_t corners = 8'000'000;   ///< of all faces
  std::size_t face_corners = 1024;   ///< of one
  std::size_t names = 10'000;        ///< of materials and libraries
};

/// A corner of a face: indices from 0 into the model's lists; -1 where nothing is said.
struct ObjCorner {
  std::int32_t position = -1, texture_point = -1, normal = -1;
};

/// A polygon: a run of the model's corners.
struct ObjFace {
  std::uint32_t first = 0, count = 0;
  std::int32_t material = -1;  ///< into material_names; -1: none named
};

/// Polygons of a Wavefront OBJ file (v, vt, vn, f, usemtl, mtllib). Groups, smoothing groups,
/// lines, points, curves and faces of fewer than three corners are passed over.
struct ObjModel {
  std::vector<std::array<float, 3>> positions, normals;
  std::vector<std::array<float, 2>> texture_points;
  std::vector<ObjCorner> corners;
  std::vector<ObjFace> faces;
  std::vector<std::string> material_names, libraries;
};

/// Throws Error naming `origin` and the line for numbers that are none or not finite, indices out
/// of range, and what is over the limits.
ObjModel parse_obj(std::string_view text, const std::string& origin, const ObjLimits& limits = {});

/// What a surface is made of. Colours are sRGB from 0 to 1.
struct ObjMaterial {
  std::string name = {};
  std::array<float, 3> diffuse{0.8f, 0.8f, 0.8f}, specular{};
  float shininess = 0;           ///< Phong's exponent
  float opacity = 1;             ///< d, or 1 - Tr
  std::string diffuse_map = {};  ///< as written: a name or a path of another machine
};

/// Materials of an MTL file (newmtl, Kd, Ks, Ns, d, Tr, map_Kd). Numbers are kept within their
/// ranges. Throws Error as parse_obj() does.
std::vector<ObjMaterial> parse_mtl(std::string_view text, const std::string& origin,
                                   const ObjLimits& limits = {});

}  // namespace sumi
