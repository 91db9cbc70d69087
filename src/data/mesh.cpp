#include "data/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "media/colour.h"

namespace sumi {
namespace {

Image halved(const Image& picture) {
  Image result{std::max(1, picture.width / 2), std::max(1, picture.height / 2), 4, {}};
  const auto at = [&](int x, int y, int c) {
    const auto column = static_cast<std::size_t>(std::min(x, picture.width - 1));
    const auto row = static_cast<std::size_t>(std::min(y, picture.height - 1));
    return static_cast<int>(
        picture.pixels[(row * static_cast<std::size_t>(picture.width) + column) * 4 +
                       static_cast<std::size_t>(c)]);
  };
  for (int y = 0; y < result.height; ++y)
    for (int x = 0; x < result.width; ++x)
      for (int c = 0; c < 4; ++c) {
        const int sum = at(2 * x, 2 * y, c) + at(2 * x + 1, 2 * y, c) + at(2 * x, 2 * y + 1, c) +
                        at(2 * x + 1, 2 * y + 1, c);
        result.pixels.push_back(static_cast<std::uint8_t>((sum + 2) / 4));
      }
  return result;
}

using Triangles = std::vector<std::array<std::uint32_t, 3>>;
using Plane = std::vector<std::array<double, 2>>;

double twice_area(const std::array<double, 2>& a, const std::array<double, 2>& b,
                  const std::array<double, 2>& c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/// The polygon seen along the axis on which its normal is longest, turned counter-clockwise.
Plane flattened(std::span<const Vec3> polygon) {
  Vec3 normal;
  for (std::size_t i = 0; i < polygon.size(); ++i)
    normal =
        normal + cross(polygon[i] - polygon[0], polygon[(i + 1) % polygon.size()] - polygon[0]);
  const float x = std::abs(normal.x), y = std::abs(normal.y), z = std::abs(normal.z);
  Plane plane;
  for (const auto& at : polygon) {
    if (x >= y && x >= z)
      plane.push_back({at.y, normal.x < 0 ? -at.z : at.z});
    else if (y >= z)
      plane.push_back({at.z, normal.y < 0 ? -at.x : at.x});
    else
      plane.push_back({at.x, normal.z < 0 ? -at.y : at.y});
  }
  return plane;
}

bool is_ear(const Plane& plane, const std::vector<std::uint32_t>& left, std::size_t i) {
  const auto count = left.size();
  const auto before = left[(i + count - 1) % count], tip = left[i], after = left[(i + 1) % count];
  const auto &a = plane[before], &b = plane[tip], &c = plane[after];
  if (twice_area(a, b, c) <= 0) return false;
  for (const auto other : left) {
    if (other == before || other == tip || other == after) continue;
    const auto& p = plane[other];
    if (p == a || p == b || p == c) continue;
    if (twice_area(a, b, p) >= 0 && twice_area(b, c, p) >= 0 && twice_area(c, a, p) >= 0)
      return false;
  }
  return true;
}

/// Around each position, the faces that touch it with their normals (as long as twice their area).
class FaceNormals {
 public:
  FaceNormals(const ObjModel& model, const std::vector<Vec3>& positions)
      : around_(positions.size()) {
    for (std::uint32_t f = 0; f < model.faces.size(); ++f) {
      const auto& face = model.faces[f];
      const auto corner = [&](std::uint32_t i) {
        return model.corners[face.first + i % face.count].position;
      };
      Vec3 normal;
      const auto start = positions[static_cast<std::size_t>(corner(0))];
      for (std::uint32_t i = 0; i < face.count; ++i)
        normal = normal + cross(positions[static_cast<std::size_t>(corner(i))] - start,
                                positions[static_cast<std::size_t>(corner(i + 1))] - start);
      normals_.push_back(normal);
      for (std::uint32_t i = 0; i < face.count; ++i)
        around_[static_cast<std::size_t>(corner(i))].push_back(f);
    }
  }

  Vec3 of_face(std::size_t face) const { return unit(normals_[face]); }

  /// The mean of the faces about a corner that bend little against its own.
  Vec3 at_corner(std::size_t face, std::int32_t position) const {
    constexpr float kCrease = 0.766f;     // cos 40 degrees
    constexpr std::size_t kCrowded = 64;  // more faces than a smooth surface has at a point
    const auto own = of_face(face);
    const auto& faces = around_[static_cast<std::size_t>(position)];
    if (faces.size() > kCrowded) return own;
    Vec3 sum;
    for (const auto other : faces)
      if (dot(unit(normals_[other]), own) > kCrease) sum = sum + normals_[other];
    return dot(sum, sum) > 0 ? unit(sum) : own;
  }

 private:
  std::vector<Vec3> normals_;
  std::vector<std::vector<std::uint32_t>> around_;
};

/// One surface for each material the model names, and a plain one behind them.
std::vector<Surface> surfaces_of(const ObjModel& model, std::span<const ObjMaterial> materials,
                                 const TextureOf& texture_of) {
  std::vector<Surface> surfaces;
  for (const auto& name : model.material_names) {
    auto& surface = surfaces.emplace_back();
    const auto found =
        std::find_if(materials.begin(), materials.end(),
                     [&](const ObjMaterial& material) { return material.name == name; });
    if (found == materials.end()) continue;
    surface = {found->diffuse, found->specular, found->shininess, found->opacity};
    if (!found->diffuse_map.empty()) surface.texture = texture_of(found->diffuse_map);
  }
  surfaces.emplace_back();
  return surfaces;
}

}  // namespace

Texture::Texture(const Image& picture) {
  levels_.push_back(to_rgba(picture));
  while (levels_.back().width > 1 || levels_.back().height > 1)
    levels_.push_back(halved(levels_.back()));
  std::size_t clear = 0, half = 0;
  const auto& pixels = levels_[0].pixels;
  for (std::size_t i = 3; i < pixels.size(); i += 4) {
    clear += pixels[i] < 25;
    half += pixels[i] >= 25 && pixels[i] < 230;
  }
  const auto all = pixels.size() / 4;
  is_veil_ = half * 4 > all;
  has_holes_ = !is_veil_ && (clear + half) * 200 > all;
}

std::array<float, 4> Texture::at(float u, float v, int level) const {
  const auto& picture =
      levels_[static_cast<std::size_t>(std::clamp(level, 0, static_cast<int>(levels_.size()) - 1))];
  const auto wrapped = [](float place, int size) {
    const float turns = place - std::floor(place);
    return std::isfinite(turns) ? turns * static_cast<float>(size) - 0.5f : 0.0f;
  };
  const float x = wrapped(u, picture.width), y = wrapped(1 - v, picture.height);
  const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
  const float right_share = x - static_cast<float>(left), low_share = y - static_cast<float>(top);
  std::array<float, 4> result{};
  for (int k = 0; k < 4; ++k) {
    const int column = left + k % 2, row = top + k / 2;
    const float share =
        (k % 2 != 0 ? right_share : 1 - right_share) * (k / 2 != 0 ? low_share : 1 - low_share);
    const auto px = static_cast<std::size_t>((column + picture.width) % picture.width);
    const auto py = static_cast<std::size_t>((row + picture.height) % picture.height);
    const auto* point =
        picture.pixels.data() + (py * static_cast<std::size_t>(picture.width) + px) * 4;
    for (std::size_t c = 0; c < 4; ++c) result[c] += share * static_cast<float>(point[c]) / 255;
  }
  return result;
}

Triangles cut_into_triangles(std::span<const Vec3> polygon) {
  Triangles result;
  std::vector<std::uint32_t> left(polygon.size());
  for (std::uint32_t i = 0; i < left.size(); ++i) left[i] = i;
  const auto plane = flattened(polygon);
  // A polygon that crosses itself has no ears: after many looks any cut is as good.
  std::size_t looks = 8 * left.size();
  while (left.size() > 3) {
    std::size_t ear = 0;
    while (ear < left.size() && looks > 0 && !is_ear(plane, left, ear)) ++ear, --looks;
    if (ear == left.size()) ear = 0;
    const auto count = left.size();
    result.push_back({left[(ear + count - 1) % count], left[ear], left[(ear + 1) % count]});
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(ear));
  }
  if (left.size() == 3) result.push_back({left[0], left[1], left[2]});
  return result;
}

Mesh make_mesh(const ObjModel& model, std::span<const ObjMaterial> materials,
               const TextureOf& texture_of, const std::string& origin) {
  Mesh mesh;
  mesh.surfaces = surfaces_of(model, materials, texture_of);
  std::vector<Vec3> positions;
  for (const auto& at : model.positions) positions.push_back({at[0], at[1], at[2]});
  const FaceNormals normals(model, positions);
  std::vector<Vec3> polygon;
  for (std::size_t f = 0; f < model.faces.size(); ++f) {
    const auto& face = model.faces[f];
    polygon.clear();
    for (std::uint32_t i = 0; i < face.count; ++i)
      polygon.push_back(
          positions[static_cast<std::size_t>(model.corners[face.first + i].position)]);
    for (const auto& cut : cut_into_triangles(polygon)) {
      MeshTriangle triangle;
      triangle.surface = static_cast<std::uint32_t>(
          face.material < 0 ? static_cast<std::int32_t>(mesh.surfaces.size()) - 1 : face.material);
      for (std::size_t k = 0; k < 3; ++k) {
        const auto& corner = model.corners[face.first + cut[k]];
        triangle.at[k] = polygon[cut[k]];
        if (corner.texture_point >= 0)
          triangle.place[k] = model.texture_points[static_cast<std::size_t>(corner.texture_point)];
        Vec3 said;
        if (corner.normal >= 0) {
          const auto& normal = model.normals[static_cast<std::size_t>(corner.normal)];
          said = unit({normal[0], normal[1], normal[2]});
        }
        triangle.normal[k] = dot(said, said) > 0.5f ? said : normals.at_corner(f, corner.position);
      }
      const auto& at = triangle.at;
      const auto area = cross(at[1] - at[0], at[2] - at[0]);
      if (dot(area, area) > 0) mesh.triangles.push_back(triangle);
    }
  }
  if (mesh.triangles.empty())
    throw Error(fmt::format("{}: the model has no surface", origin), "this model is left out");
  return mesh;
}

std::array<Vec3, 2> bounds_of(const Mesh& mesh) {
  std::array<Vec3, 2> bounds{mesh.triangles.at(0).at[0], mesh.triangles.at(0).at[0]};
  for (const auto& triangle : mesh.triangles)
    for (const auto& at : triangle.at) {
      bounds[0] = {std::min(bounds[0].x, at.x), std::min(bounds[0].y, at.y),
                   std::min(bounds[0].z, at.z)};
      bounds[1] = {std::max(bounds[1].x, at.x), std::max(bounds[1].y, at.y),
                   std::max(bounds[1].z, at.z)};
    }
  return bounds;
}

void turn_and_stretch(Mesh& mesh, const std::array<float, 9>& rotation, Vec3 size) {
  const auto turned = [&](Vec3 a) {
    const auto& m = rotation;
    return Vec3{m[0] * a.x + m[1] * a.y + m[2] * a.z, m[3] * a.x + m[4] * a.y + m[5] * a.z,
                m[6] * a.x + m[7] * a.y + m[8] * a.z};
  };
  for (auto& triangle : mesh.triangles) {
    for (auto& at : triangle.at) at = turned(at);
    for (auto& normal : triangle.normal) normal = turned(normal);
  }
  const auto [low, high] = bounds_of(mesh);
  const auto span = high - low;
  const auto scale = [](float wanted, float now) {
    return wanted > 0 && now > 0 ? wanted / now : 1;
  };
  const Vec3 by{scale(size.x, span.x), scale(size.y, span.y), scale(size.z, span.z)};
  for (auto& triangle : mesh.triangles) {
    for (auto& at : triangle.at) at = {at.x * by.x, at.y * by.y, at.z * by.z};
    for (auto& normal : triangle.normal)
      normal = unit({normal.x / by.x, normal.y / by.y, normal.z / by.z});
  }
}

}  // namespace sumi
