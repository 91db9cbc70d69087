#pragma once

#include "data/mesh.h"
#include "media/image.h"

namespace sumi {

/// From where a mesh is seen.
struct Camera {
  double azimuth_deg = 0;    ///< 0: from the front; 90: from where x is largest
  double elevation_deg = 0;  ///< 90: from straight above
  double field_deg = 28;     ///< angle of view over the mesh's bounding sphere; 0: parallel rays
};

/// Where light comes from, as shares of what a white surface gives back.
struct Lights {
  double sky = 0.5, ground = 0.32;  ///< from all around, above and below
  double key = 0.74;                ///< from the upper left in front; casts shadows
  double fill = 0.2;                ///< from the right in front
};

struct RenderOptions {
  Camera camera = {};
  Lights lights = {};
  bool shadows = true;  ///< the key light's
  int samples = 3;      ///< along each side of a pixel; 1 to 8
};

/// Draws a mesh alone on transparency, as large as fits: the longer side has `size_px` pixels, a
/// margin of one pixel around. RGBA, straight alpha. A z-buffer over a grid of samples (corners
/// snapped to 1/256 of a sample, so that neighbours leave neither gap nor overlap); each triangle
/// is shaded once a pixel (Lambert and Blinn-Phong in linear light, both sides alike, a shadow map
/// of the key light); what is half-transparent is laid over the rest from back to front. Throws
/// Error naming `origin` for a size outside 8 to 4096 and for meshes too large or small for floats.
Image render_mesh(const Mesh& mesh, int size_px, const RenderOptions& options,
                  const std::string& origin);

}  // namespace sumi
