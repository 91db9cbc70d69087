#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "data/manifest.h"
#include "data/mesh.h"
#include "data/zip_archive.h"

namespace sumi {

/// A model of a Sweet Home 3D furniture catalogue and what the catalogue says about it.
struct FurniturePiece {
  std::string id, name, category, model, creator;
  std::vector<std::string> tags;
  Vec3 size_cm;            ///< width, height, depth; 0 where nothing is said
  float elevation_cm = 0;  ///< above the floor
  std::array<float, 9> rotation{1, 0, 0, 0, 1, 0, 0, 0, 1};  ///< rows of a matrix
};

struct FurnitureCatalogue {
  std::string licence;  ///< SPDX; empty for one that is none of CC0, CC-BY 3.0 and CC-BY 3.0 US
  std::vector<FurniturePiece> pieces;
};

/// Reads a catalogue's properties (Latin-1, \uXXXX escapes). Pieces without a name or model are
/// left out. Throws Error naming `origin` when it is too large.
FurnitureCatalogue read_furniture_catalogue(std::string_view properties, const std::string& origin);

/// One row for each model and side it is worth looking at from; their weights add up to 1. `view`
/// says the side where people would, `item` is "ID@SIDE". Groups: "furniture" for what
/// stands on the floor of a room, "fixtures" (on walls and ceilings), "objects" (small),
/// "outdoors", "vehicles", "figures" (people and animals), "doors and windows", "stairs"; the
/// subgroup is the room. Catalogues under other licences are passed over. Throws Error when an
/// archive is damaged.
std::vector<Row> furniture_rows(const Source& source, const std::filesystem::path& folder);

/// True for what can stand on the floor of a room, seen so that the floor is seen likewise.
bool stands_on_floor(const Row& row);

/// Draws the rows of one archive; the last model stays in memory.
class FurnitureDrawer {
 public:
  /// Throws Error when the archive is damaged.
  explicit FurnitureDrawer(const std::filesystem::path& archive);

  /// RGBA, straight alpha, the longer side `size_px`. Throws Error naming `origin` when there is no
  /// such piece or side, or the model is damaged; a damaged texture leaves the plain colour.
  Image draw(const std::string& item, int size_px, const std::string& origin);

 private:
  Mesh load(const FurniturePiece& piece) const;

  MappedFile file_;
  ZipArchive archive_;
  FurnitureCatalogue catalogue_;
  std::string loaded_;  ///< the id of the piece in memory
  std::optional<Mesh> mesh_;
};

}  // namespace sumi
