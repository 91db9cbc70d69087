#pragma once

// What has to hold of any bytes that the parsers of models are given. The fuzz targets and the
// mutants of tests/data run the same functions; each returns whether the bytes were accepted.

#include <string>
#include <vector>

#include "data/furniture.h"
#include "data/mesh_render.h"
#include "data/zip_archive.h"
#include "input.h"

namespace sumi {

constexpr ObjLimits kSmallModel{.vertices = 2000, .corners = 4000, .face_corners = 64};

/// Faces of a model point into its lists, and it is drawn or refused.
inline bool check_obj(std::string_view text) {
  return answer([&] {
    const auto model = parse_obj(text, "input", kSmallModel);
    const auto inside = [](std::int32_t index, std::size_t count, bool optional) {
      return (optional && index == -1) || (index >= 0 && static_cast<std::size_t>(index) < count);
    };
    for (const auto& corner : model.corners) {
      require(inside(corner.position, model.positions.size(), false));
      require(inside(corner.texture_point, model.texture_points.size(), true));
      require(inside(corner.normal, model.normals.size(), true));
    }
    std::size_t end = 0;
    for (const auto& face : model.faces) {
      require(face.first == end && face.count >= 3);
      require(inside(face.material, model.material_names.size(), true));
      end = face.first + face.count;
    }
    require(end == model.corners.size());
    const ObjMaterial glass[] = {{.name = "glass", .opacity = 0.5f}};
    const auto mesh = make_mesh(model, glass, {}, "input");
    RenderOptions options;
    options.samples = 1;
    options.camera = {30, 20, 28};
    const auto image = render_mesh(mesh, 16, options, "input");
    require(std::max(image.width, image.height) <= 17 && image.channels == 4);
  });
}

/// Numbers of materials are within their ranges.
inline bool check_mtl(std::string_view text) {
  return answer([&] {
    for (const auto& material : parse_mtl(text, "input", kSmallModel)) {
      for (const float channel : material.diffuse) require(channel >= 0 && channel <= 1);
      for (const float channel : material.specular) require(channel >= 0 && channel <= 1);
      require(material.opacity >= 0 && material.opacity <= 1);
      require(material.shininess >= 0 && material.shininess <= 1000);
    }
  });
}

/// Members of a zip archive lie inside it and have the sizes they claim.
inline bool check_zip(std::span<const std::byte> bytes) {
  return answer([&] {
    const ZipArchive archive(bytes, "input", {.entry_bytes = 1u << 16});
    for (const auto& [name, member] : archive.members()) {
      require(member.packed.size() <= bytes.size());
      require(archive.read(name).size() == member.size);
    }
  });
}

/// Pieces of a catalogue have names, and matrices that keep lengths.
inline bool check_catalogue(std::string_view text) {
  return answer([&] {
    for (const auto& piece : read_furniture_catalogue(text, "input").pieces) {
      require(!piece.id.empty() && !piece.name.empty() && !piece.model.empty());
      const auto& m = piece.rotation;
      require(std::abs(m[0] * m[0] + m[1] * m[1] + m[2] * m[2] - 1) < 0.02f);
    }
  });
}

inline std::vector<std::string> obj_seeds() {
  return {
      "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0.5\nv 0 1 0\nvt 0 0\nvt 1 1\nvn 0 0 1\n"
      "usemtl glass\nf 1/1/1 2/2/1 3//1 4\nf -1 -2 -3\n",
      "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 1 1 0\nv 1 2 0\nv 0 2 1e-3\ng l\ns 1\nf 1 2 3 4 5 6\n"};
}

inline std::vector<std::string> mtl_seeds() {
  return {"newmtl oak\nKd 0.5 0.25 1\nKs 0.1 0.1 0.1\nNs 96\nd 0.4\nmap_Kd -s 1 1 1 oak.jpg\n",
          "# two\nnewmtl a\nTr 0.5\nnewmtl b\nillum 2\n"};
}

inline std::vector<std::string> catalogue_seeds() {
  return {
      "license=Public domain\nid#1=a\nname#1=Bed\\u00e9\nmodel#1=/a/b.obj\nwidth#1=60\n"
      "modelRotation#1=0 0 1 0 1 0 -1 0 0\ntags#1=Wood, Old\n"};
}

}  // namespace sumi
