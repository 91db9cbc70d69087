#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/obj_model.h"
#include "media/image.h"

namespace sumi {

/// A point or direction in space: x to the right, y up, z towards the one who looks from the front.
struct Vec3 {
  float x = 0, y = 0, z = 0;

  friend Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
};
inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline float length(Vec3 a) { return std::sqrt(dot(a, a)); }
/// Of length 1; a vector without length stays as it is.
inline Vec3 unit(Vec3 a) {
  const float size = length(a);
  return size > 0 ? a * (1 / size) : a;
}

/// A picture to lay over triangles, with halved copies of it for surfaces far away (Williams 1983).
class Texture {
 public:
  explicit Texture(const Image& picture);

  /// sRGB and alpha from 0 to 1 at (u, v), v upwards, repeated beyond 0 to 1; interpolated between
  /// the four nearest points of the copy that was halved `level` times.
  std::array<float, 4> at(float u, float v, int level) const;
  /// Points of the whole picture.
  float points() const { return static_cast<float>(levels_[0].width * levels_[0].height); }
  /// Whether the picture cuts shapes out (leaves), and whether it is half-transparent (veils).
  bool has_holes() const { return has_holes_; }
  bool is_veil() const { return is_veil_; }

 private:
  std::vector<Image> levels_;  ///< RGBA
  bool has_holes_ = false, is_veil_ = false;
};

/// What a triangle's surface looks like. Colours are sRGB from 0 to 1.
struct Surface {
  std::array<float, 3> colour{0.8f, 0.8f, 0.8f}, specular{};
  float shininess = 0, opacity = 1;
  std::shared_ptr<const Texture> texture = {};  ///< in place of the colour
};

struct MeshTriangle {
  std::array<Vec3, 3> at, normal;
  std::array<std::array<float, 2>, 3> place{};  ///< on the texture
  std::uint32_t surface = 0;
};

/// Triangles ready to be drawn.
struct Mesh {
  std::vector<MeshTriangle> triangles;
  std::vector<Surface> surfaces;
};

/// Brings a texture by the name that a material gives it; nothing where there is none.
using TextureOf = std::function<std::shared_ptr<const Texture>(const std::string& name)>;

/// Cuts polygons into triangles (by ears, so that hollow ones keep their shape) and finds normals
/// where the file says none: the mean of the faces around that meet at less than 40 degrees. Throws
/// Error when no triangle is left.
Mesh make_mesh(const ObjModel& model, std::span<const ObjMaterial> materials,
               const TextureOf& texture_of, const std::string& origin);

/// Triangles (three indices each) that fill a polygon in space.
std::vector<std::array<std::uint32_t, 3>> cut_into_triangles(std::span<const Vec3> polygon);

/// Smallest and largest coordinates.
std::array<Vec3, 2> bounds_of(const Mesh& mesh);

/// Turns by a matrix (rows of three), then stretches to `size` (0: as it is) about the origin. The
/// matrix must keep lengths.
void turn_and_stretch(Mesh& mesh, const std::array<float, 9>& rotation, Vec3 size);

}  // namespace sumi
