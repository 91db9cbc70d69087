#include "data/mesh_render.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace sumi {
namespace {

constexpr std::int64_t kSteps = 256;  ///< places of a corner along a sample's side
constexpr std::uint32_t kNothing = std::numeric_limits<std::uint32_t>::max();

/// Right, up and towards the viewer.
struct Axes {
  Vec3 right, up, back;
};

Axes axes_of(double azimuth, double elevation) {
  const auto s = [](double angle) { return static_cast<float>(std::sin(angle)); };
  const auto c = [](double angle) { return static_cast<float>(std::cos(angle)); };
  const Vec3 back{s(azimuth) * c(elevation), s(elevation), c(azimuth) * c(elevation)};
  const Vec3 right{c(azimuth), 0, -s(azimuth)};
  return {right, cross(back, right), back};
}

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

/// A triangle on a grid of samples: x to the right, y down.
struct Flat {
  std::array<std::int64_t, 3> x, y;  ///< in 1/kSteps of a sample
  std::array<float, 3> near;         ///< linear on the grid, larger is nearer
};

/// How a mesh falls onto a grid.
class Projection {
 public:
  /// Fits the mesh into a longer side of `size` samples with `margin` around.
  Projection(const Mesh& mesh, const Axes& axes, double field, double size, double margin)
      : axes_(axes) {
    const auto [low, high] = bounds_of(mesh);
    centre_ = (low + high) * 0.5f;
    const float radius = length(high - low) / 2;
    inverse_radius_ = 1 / radius;
    if (field > 0) distance_ = static_cast<float>(1.02 / std::sin(field / 2));
    double left = 1e30, right = -1e30, top = 1e30, bottom = -1e30;
    for (const auto& triangle : mesh.triangles)
      for (const auto& at : triangle.at) {
        const auto seen = on_plane(at);
        left = std::min<double>(left, seen.x), right = std::max<double>(right, seen.x);
        bottom = std::min<double>(bottom, seen.y), top = std::max<double>(top, seen.y);
        if (&triangle == &mesh.triangles.front() && &at == &triangle.at.front())
          top = bottom = seen.y, left = right = seen.x;
      }
    scale_ = (size - 2 * margin) / std::max({right - left, top - bottom, 1e-9});
    left_ = left, top_ = top, margin_ = margin;
    width_ = (right - left) * scale_ + 2 * margin;
    height_ = (top - bottom) * scale_ + 2 * margin;
  }

  double width() const { return width_; }
  double height() const { return height_; }
  const Axes& axes() const { return axes_; }
  bool is_parallel() const { return distance_ == 0; }

  /// Sample position and nearness of a point.
  std::array<double, 3> on_grid(Vec3 at) const {
    const auto seen = on_plane(at);
    return {(seen.x - left_) * scale_ + margin_, (top_ - seen.y) * scale_ + margin_, seen.z};
  }

  Flat flat(const MeshTriangle& triangle) const {
    Flat result;
    for (std::size_t k = 0; k < 3; ++k) {
      const auto [x, y, near] = on_grid(triangle.at[k]);
      result.x[k] = std::llround(x * kSteps), result.y[k] = std::llround(y * kSteps);
      result.near[k] = static_cast<float>(near);
    }
    return result;
  }

  /// From a point towards the eye.
  Vec3 towards_eye(Vec3 at) const {
    if (is_parallel()) return axes_.back;
    return unit(axes_.back * distance_ - (at - centre_) * inverse_radius_);
  }

 private:
  /// On the plane of the picture, and nearness: the inverse distance, or minus it for parallel
  /// rays.
  Vec3 on_plane(Vec3 at) const {
    const auto from_centre = (at - centre_) * inverse_radius_;
    const Vec3 seen{dot(from_centre, axes_.right), dot(from_centre, axes_.up),
                    dot(from_centre, axes_.back)};
    if (is_parallel()) return seen;
    const float near = 1 / (distance_ - seen.z);
    return {seen.x * near, seen.y * near, near};
  }

  Axes axes_;
  Vec3 centre_;
  float inverse_radius_ = 1, distance_ = 0;
  double scale_ = 1, left_ = 0, top_ = 0, margin_ = 0, width_ = 0, height_ = 0;
};

/// Calls visit(sample x, sample y, weights of the corners) for every sample inside. Samples on an
/// edge belong to the triangle on its lower right, so that neighbours share none.
template <class Visit>
void rasterise(Flat t, int width, int height, Visit visit) {
  std::array<std::size_t, 3> order{0, 1, 2};
  std::int64_t area = (t.x[1] - t.x[0]) * (t.y[2] - t.y[0]) - (t.y[1] - t.y[0]) * (t.x[2] - t.x[0]);
  if (area == 0) return;
  if (area < 0) std::swap(order[1], order[2]), area = -area;
  const auto [x_low, x_high] = std::minmax({t.x[0], t.x[1], t.x[2]});
  const auto [y_low, y_high] = std::minmax({t.y[0], t.y[1], t.y[2]});
  // Centres of samples lie at half steps.
  const auto first = [](std::int64_t low) {
    return std::max<std::int64_t>(0, (low - kSteps / 2 + kSteps - 1) / kSteps);
  };
  const auto last = [](std::int64_t high, int size) {
    return std::min<std::int64_t>(size - 1, (high - kSteps / 2) / kSteps);
  };
  const auto left = first(x_low), right = last(x_high, width);
  const auto top = first(y_low), bottom = last(y_high, height);
  if (left > right || top > bottom) return;

  std::array<std::int64_t, 3> line{}, step_x{}, step_y{}, bias{};
  for (std::size_t k = 0; k < 3; ++k) {
    const auto from = order[(k + 1) % 3], to = order[(k + 2) % 3];
    const auto dx = t.x[to] - t.x[from], dy = t.y[to] - t.y[from];
    step_x[k] = -dy * kSteps, step_y[k] = dx * kSteps;
    bias[k] = dy < 0 || (dy == 0 && dx > 0) ? 0 : -1;
    line[k] = dx * (top * kSteps + kSteps / 2 - t.y[from]) -
              dy * (left * kSteps + kSteps / 2 - t.x[from]);
  }
  const float inverse = 1 / static_cast<float>(area);
  for (auto y = top; y <= bottom; ++y) {
    auto edge = line;
    for (auto x = left; x <= right; ++x) {
      if (edge[0] + bias[0] >= 0 && edge[1] + bias[1] >= 0 && edge[2] + bias[2] >= 0) {
        std::array<float, 3> weights{};
        for (std::size_t k = 0; k < 3; ++k)
          weights[order[k]] = static_cast<float>(edge[k]) * inverse;
        visit(static_cast<int>(x), static_cast<int>(y), weights);
      }
      for (std::size_t k = 0; k < 3; ++k) edge[k] += step_x[k];
    }
    for (std::size_t k = 0; k < 3; ++k) line[k] += step_y[k];
  }
}

float blended(const std::array<float, 3>& values, const std::array<float, 3>& weights) {
  return values[0] * weights[0] + values[1] * weights[1] + values[2] * weights[2];
}

/// Corner weights on the triangle itself from those on the picture.
std::array<float, 3> in_space(const Flat& flat, const std::array<float, 3>& weights,
                              bool parallel) {
  if (parallel) return weights;
  std::array<float, 3> result{};
  const float inverse = 1 / blended(flat.near, weights);
  for (std::size_t k = 0; k < 3; ++k) result[k] = weights[k] * flat.near[k] * inverse;
  return result;
}

Vec3 blended(const std::array<Vec3, 3>& values, const std::array<float, 3>& weights) {
  return values[0] * weights[0] + values[1] * weights[1] + values[2] * weights[2];
}

/// sRGB to linear light and back (IEC 61966-2-1).
float linear(float value) {
  return value <= 0.04045f ? value / 12.92f : std::pow((value + 0.055f) / 1.055f, 2.4f);
}
float encoded(float value) {
  return value <= 0.0031308f ? value * 12.92f : 1.055f * std::pow(value, 1 / 2.4f) - 0.055f;
}

/// How far the key light reaches: the nearest surface along its rays, on a grid.
class ShadowMap {
 public:
  ShadowMap(const Mesh& mesh, Vec3 towards_light)
      : map_(mesh,
             axes_of(std::atan2(towards_light.x, towards_light.z),
                     std::asin(std::clamp(towards_light.y, -1.0f, 1.0f))),
             0, kSide, 2),
        near_(static_cast<std::size_t>(kSide) * kSide, -1e30f) {
    for (const auto& triangle : mesh.triangles) {
      if (mesh.surfaces[triangle.surface].opacity < 0.6f) continue;
      const auto* texture = mesh.surfaces[triangle.surface].texture.get();
      const auto flat = map_.flat(triangle);
      rasterise(flat, kSide, kSide, [&](int x, int y, const std::array<float, 3>& weights) {
        if (texture != nullptr && (texture->has_holes() || texture->is_veil())) {
          const auto u = triangle.place[0][0] * weights[0] + triangle.place[1][0] * weights[1] +
                         triangle.place[2][0] * weights[2];
          const auto v = triangle.place[0][1] * weights[0] + triangle.place[1][1] * weights[1] +
                         triangle.place[2][1] * weights[2];
          if (texture->at(u, v, 0)[3] < 0.5f) return;
        }
        auto& near = near_[static_cast<std::size_t>(y) * kSide + static_cast<std::size_t>(x)];
        near = std::max(near, blended(flat.near, weights));
      });
    }
  }

  /// Share of the key light that reaches a point, softened over a few rays. `slope`: tangent of the
  /// angle between surface and ray.
  float reaching(Vec3 at, float slope) const {
    const auto [x, y, near] = map_.on_grid(at);
    // A ray's width on the surface, in units of nearness (radii of the mesh).
    const double bias = (0.006 + 0.006 * std::min(slope, 4.0f));
    const int left = static_cast<int>(std::floor(x - 0.5)) - 1;
    const int top = static_cast<int>(std::floor(y - 0.5)) - 1;
    const double fx = x - 0.5 - std::floor(x - 0.5), fy = y - 0.5 - std::floor(y - 0.5);
    double lit = 0;
    for (int j = 0; j < 4; ++j)
      for (int i = 0; i < 4; ++i) {
        const int column = left + i, row = top + j;
        const bool outside = column < 0 || row < 0 || column >= kSide || row >= kSide;
        const bool open =
            outside ||
            near_[static_cast<std::size_t>(row) * kSide + static_cast<std::size_t>(column)] <
                near + bias;
        if (!open) continue;
        const auto share = [](int k, double f) { return k == 0 ? 1 - f : k == 3 ? f : 1.0; };
        lit += share(i, fx) * share(j, fy);
      }
    return static_cast<float>(lit / 9);
  }

 private:
  static constexpr int kSide = 384;
  Projection map_;
  std::vector<float> near_;
};

/// Colour (sRGB, not multiplied by alpha) and alpha of a point.
using Shade = std::array<float, 4>;

class Shader {
 public:
  Shader(const Mesh& mesh, const Projection& view, const RenderOptions& options)
      : mesh_(mesh), view_(view), lights_(options.lights) {
    // The lights go around with the viewer but stay at their height.
    const auto level = axes_of(radians(options.camera.azimuth_deg), 0);
    key_ = unit(level.right * -0.5f + level.up * 0.8f + level.back * 0.6f);
    fill_ = unit(level.right * 0.75f + level.up * 0.15f + level.back * 0.6f);
    if (options.shadows) shadows_.emplace_back(mesh, key_);
  }

  /// The texture's point under a place of a triangle; white and opaque without a texture.
  Shade texture_point(const MeshTriangle& triangle, const Flat& flat,
                      const std::array<float, 3>& weights) const {
    const auto& surface = mesh_.surfaces[triangle.surface];
    if (!surface.texture) return {surface.colour[0], surface.colour[1], surface.colour[2], 1};
    float u = 0, v = 0;
    for (std::size_t k = 0; k < 3; ++k)
      u += triangle.place[k][0] * weights[k], v += triangle.place[k][1] * weights[k];
    return surface.texture->at(u, v, level(triangle, flat, *surface.texture));
  }

  Shade shade(const MeshTriangle& triangle, const Flat& flat,
              const std::array<float, 3>& on_picture) const {
    const auto weights = in_space(flat, on_picture, view_.is_parallel());
    const auto& surface = mesh_.surfaces[triangle.surface];
    const auto at = blended(triangle.at, weights);
    const auto eye = view_.towards_eye(at);
    auto face = unit(cross(triangle.at[1] - triangle.at[0], triangle.at[2] - triangle.at[0]));
    if (dot(face, eye) < 0) face = face * -1;
    auto normal = unit(blended(triangle.normal, weights));
    if (dot(normal, face) < 0) normal = normal * -1;

    const float to_key = std::max(0.0f, dot(normal, key_)), on_face = dot(face, key_);
    float key = to_key > 0 && on_face > 0 ? to_key : 0;
    if (key > 0 && !shadows_.empty())
      key *= shadows_[0].reaching(at, std::sqrt(1 - std::min(1.0f, on_face * on_face)) / on_face);
    const float above = normal.y * 0.5f + 0.5f;
    const float light =
        static_cast<float>(lights_.ground + (lights_.sky - lights_.ground) * above) +
        static_cast<float>(lights_.key) * key +
        static_cast<float>(lights_.fill) * std::max(0.0f, dot(normal, fill_));
    const auto point = texture_point(triangle, flat, weights);
    const float shine = gloss(surface, normal, eye) * (key > 0 ? key / to_key : 0);
    Shade result;
    for (std::size_t c = 0; c < 3; ++c)
      result[c] =
          encoded(std::min(1.0f, linear(point[c]) * light + linear(surface.specular[c]) * shine));
    result[3] = covering(surface, point[3], dot(normal, eye));
    return result;
  }

 private:
  /// Blinn's highlight of the key light.
  float gloss(const Surface& surface, Vec3 normal, Vec3 eye) const {
    if (surface.specular == std::array<float, 3>{}) return 0;
    const float aligned = std::max(0.0f, dot(normal, unit(key_ + eye)));
    return 0.5f * std::pow(aligned, std::clamp(surface.shininess, 12.0f, 200.0f));
  }

  /// Glass covers more where it is looked at from the side (after Schlick 1994).
  static float covering(const Surface& surface, float texture_alpha, float towards_eye) {
    if (surface.opacity >= 1) return texture_alpha;
    const float aslant = 1 - std::clamp(towards_eye, 0.0f, 1.0f);
    const float opacity = std::max(surface.opacity, 0.12f);
    return texture_alpha * (opacity + (1 - opacity) * 0.6f * aslant * aslant * aslant);
  }

  /// The copy of the texture whose points are about as large as the picture's samples.
  static int level(const MeshTriangle& triangle, const Flat& flat, const Texture& texture) {
    const auto& p = triangle.place;
    const float on_texture = std::abs((p[1][0] - p[0][0]) * (p[2][1] - p[0][1]) -
                                      (p[1][1] - p[0][1]) * (p[2][0] - p[0][0])) *
                             texture.points();
    const float on_picture =
        static_cast<float>(std::abs((flat.x[1] - flat.x[0]) * (flat.y[2] - flat.y[0]) -
                                    (flat.y[1] - flat.y[0]) * (flat.x[2] - flat.x[0]))) /
        (kSteps * kSteps);
    if (!(on_texture > on_picture) || !(on_picture > 0)) return 0;
    constexpr float kMostLevels = 30;
    return static_cast<int>(
        std::min(kMostLevels, 0.5f * std::log2(on_texture / on_picture) + 0.5f));
  }

  const Mesh& mesh_;
  const Projection& view_;
  Lights lights_;
  Vec3 key_, fill_;
  std::vector<ShadowMap> shadows_;  ///< one or none
};

/// A picture in the making: what is nearest at each sample, and its colour.
class Canvas {
 public:
  Canvas(const Mesh& mesh, const Projection& view, const Shader& shader, int width, int height,
         int samples)
      : mesh_(mesh),
        view_(view),
        shader_(shader),
        width_(width * samples),
        height_(height * samples),
        samples_(samples) {
    const auto all = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
    nearest_.assign(all, kNothing);
    near_.assign(all, -1e30f);
    colours_.assign(all, {});
    for (const auto& triangle : mesh.triangles) flat_.push_back(view.flat(triangle));
  }

  /// Finds what is nearest among opaque triangles; holes of textures let through.
  void find_nearest() {
    for (std::uint32_t i = 0; i < flat_.size(); ++i) {
      const auto& triangle = mesh_.triangles[i];
      if (is_clear(triangle)) continue;
      const auto& flat = flat_[i];
      const auto& texture = mesh_.surfaces[triangle.surface].texture;
      const bool has_holes = texture && texture->has_holes();
      rasterise(flat, width_, height_, [&](int x, int y, const std::array<float, 3>& weights) {
        const auto at = place(x, y);
        const float near = blended(flat.near, weights);
        if (near <= near_[at]) return;
        if (has_holes &&
            shader_.texture_point(triangle, flat, in_space(flat, weights, view_.is_parallel()))[3] <
                0.5f)
          return;
        near_[at] = near, nearest_[at] = i;
      });
    }
  }

  /// Shades each triangle once in each pixel, in the middle of its samples there.
  void shade_nearest() {
    std::vector<std::size_t> mine;
    for (int y = 0; y < height_; y += samples_)
      for (int x = 0; x < width_; x += samples_)
        for (int k = 0; k < samples_ * samples_; ++k) {
          const auto id = nearest_[place(x + k % samples_, y + k / samples_)];
          if (id == kNothing) continue;
          mine.clear();
          double sum_x = 0, sum_y = 0;
          for (int j = k; j < samples_ * samples_; ++j) {
            const int sx = x + j % samples_, sy = y + j / samples_;
            if (nearest_[place(sx, sy)] != id) continue;
            mine.push_back(place(sx, sy));
            sum_x += sx + 0.5, sum_y += sy + 0.5;
          }
          const auto count = static_cast<double>(mine.size());
          auto shade = shader_.shade(mesh_.triangles[id], flat_[id],
                                     weights_at(flat_[id], sum_x / count, sum_y / count));
          shade[3] = 1;
          for (const auto at : mine) colours_[at] = shade, nearest_[at] = kNothing;
        }
  }

  /// Lays half-transparent triangles over what lies behind them, the farthest first.
  void lay_over() {
    std::vector<std::pair<float, std::uint32_t>> order;
    for (std::uint32_t i = 0; i < flat_.size(); ++i)
      if (is_clear(mesh_.triangles[i]))
        order.emplace_back(flat_[i].near[0] + flat_[i].near[1] + flat_[i].near[2], i);
    std::sort(order.begin(), order.end());
    for (const auto& [key, i] : order) {
      const auto& flat = flat_[i];
      const auto& triangle = mesh_.triangles[i];
      rasterise(flat, width_, height_, [&](int x, int y, const std::array<float, 3>& weights) {
        const auto at = place(x, y);
        if (blended(flat.near, weights) <= near_[at]) return;
        const auto shade = shader_.shade(triangle, flat, weights);
        auto& below = colours_[at];
        const float alpha = shade[3] + below[3] * (1 - shade[3]);
        if (!(alpha > 0)) return;
        for (std::size_t c = 0; c < 3; ++c)
          below[c] = (shade[c] * shade[3] + below[c] * below[3] * (1 - shade[3])) / alpha;
        below[3] = alpha;
      });
    }
  }

  Image picture() const {
    Image image{width_ / samples_, height_ / samples_, 4, {}};
    const auto count = static_cast<float>(samples_ * samples_);
    for (int y = 0; y < height_; y += samples_)
      for (int x = 0; x < width_; x += samples_) {
        std::array<float, 4> sum{};
        for (int k = 0; k < samples_ * samples_; ++k) {
          const auto& sample = colours_[place(x + k % samples_, y + k / samples_)];
          for (std::size_t c = 0; c < 3; ++c) sum[c] += sample[c] * sample[3];
          sum[3] += sample[3];
        }
        for (std::size_t c = 0; c < 4; ++c) {
          const float value = c == 3 ? sum[3] / count : sum[3] > 0 ? sum[c] / sum[3] : 0;
          image.pixels.push_back(
              static_cast<std::uint8_t>(std::clamp(value * 255 + 0.5f, 0.0f, 255.0f)));
        }
      }
    return image;
  }

 private:
  std::size_t place(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(x);
  }

  bool is_clear(const MeshTriangle& triangle) const {
    const auto& surface = mesh_.surfaces[triangle.surface];
    return surface.opacity < 1 || (surface.texture && surface.texture->is_veil());
  }

  /// Corner weights at a place of the grid, within the triangle.
  static std::array<float, 3> weights_at(const Flat& t, double x, double y) {
    std::array<double, 3> weights{};
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const auto from = (k + 1) % 3, to = (k + 2) % 3;
      const auto dx = static_cast<double>(t.x[to] - t.x[from]);
      const auto dy = static_cast<double>(t.y[to] - t.y[from]);
      weights[k] = dx * (y * kSteps - static_cast<double>(t.y[from])) -
                   dy * (x * kSteps - static_cast<double>(t.x[from]));
      sum += weights[k];
    }
    return {static_cast<float>(weights[0] / sum), static_cast<float>(weights[1] / sum),
            static_cast<float>(weights[2] / sum)};
  }

  const Mesh& mesh_;
  const Projection& view_;
  const Shader& shader_;
  int width_, height_, samples_;
  std::vector<Flat> flat_;
  std::vector<std::uint32_t> nearest_;  ///< triangle at each sample
  std::vector<float> near_;
  std::vector<Shade> colours_;
};

void check(const Mesh& mesh, int size_px, const RenderOptions& options, const std::string& origin) {
  constexpr int kLeast = 8, kMost = 4096, kMostSamples = 8;
  if (size_px < kLeast || size_px > kMost || options.samples < 1 || options.samples > kMostSamples)
    throw Error(fmt::format("{}: cannot be drawn at {} px with {} samples", origin, size_px,
                            options.samples),
                fmt::format("{} to {} px, 1 to {} samples", kLeast, kMost, kMostSamples));
  constexpr float kLarge = 1e9f, kSmall = 1e-9f;
  if (mesh.triangles.empty())
    throw Error(fmt::format("{}: the model has no surface", origin), "this model is left out");
  const auto [low, high] = bounds_of(mesh);
  const float far = std::max(length(low), length(high)), span = length(high - low);
  if (!(far < kLarge) || !(span > kSmall))
    throw Error(fmt::format("{}: the model is too large or too small", origin),
                "this model is left out");
}

}  // namespace

Image render_mesh(const Mesh& mesh, int size_px, const RenderOptions& options,
                  const std::string& origin) {
  check(mesh, size_px, options, origin);
  const auto& camera = options.camera;
  const auto axes = axes_of(radians(camera.azimuth_deg), radians(camera.elevation_deg));
  const double grid = static_cast<double>(size_px) * options.samples;
  const Projection view(mesh, axes, radians(camera.field_deg), grid, options.samples);
  const auto pixels = [&](double side) {
    return std::max(1, static_cast<int>(std::ceil(side / options.samples - 1e-6)));
  };
  const Shader shader(mesh, view, options);
  Canvas canvas(mesh, view, shader, pixels(view.width()), pixels(view.height()), options.samples);
  canvas.find_nearest();
  canvas.shade_nearest();
  canvas.lay_over();
  return canvas.picture();
}

}  // namespace sumi
