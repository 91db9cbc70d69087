#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/manifest.h"
#include "media/image.h"

namespace sumi {

/// A motif that fills a picture by being repeated, and is no thing among others.
inline bool is_tile(const Row& row) { return row.group == "tile"; }

/// The tiles of the package hero-patterns: SVG documents by the names of its functions.
class TileSet {
 public:
  /// Reads the package's ES module, in which each function joins a percent-encoded SVG document
  /// with a colour and an opacity; they are taken as black and 1. Functions of another form are
  /// passed over. Throws Error naming `origin` when no function is exported or too much is.
  TileSet(std::string_view script, const std::string& origin);

  const std::map<std::string, std::string>& svgs() const { return svgs_; }

  /// So many tiles beside and below each other that they fill a square of about 160 CSS pixels, at
  /// least one; again a tile. RGBA, the longer side about `size_px`. Throws Error naming `origin`
  /// for an unknown name and one that says no size.
  Image patch(const std::string& name, int size_px, const std::string& origin) const;

 private:
  std::map<std::string, std::string> svgs_;
};

/// A row for each tile that people have words for, as plurals: "anchors", "houndstooth".
std::vector<Row> tile_rows(const Source& source, const std::filesystem::path& folder);

}  // namespace sumi
