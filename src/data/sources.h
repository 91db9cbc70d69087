#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/progress.h"

namespace sumi {

enum class PackageKind { npm, debian };

/// How the pictures of a package are kept.
enum class PictureForm {
  iconify,      ///< one icons.json with SVG bodies by name
  code_points,  ///< one WebP file per emoji, named by its code points
  svg_tree,     ///< SVG files in folders, titles and keywords inside
  titled,       ///< one icons.json with SVG bodies, named by what they show
  portraits,    ///< SVG files that node draws once when they are fetched
  models,       ///< furniture catalogues: zip archives with OBJ models
  tiles,        ///< a JavaScript module with SVG tiles of patterns
  names,        ///< no pictures: emoji names, tags and groups by code point
};

/// A set of pictures under a free licence, by package and version.
struct Source {
  const char* id;
  PackageKind kind;
  const char* package;
  const char* version;
  PictureForm form;
  const char* style;    ///< the words captions use for its look
  const char* licence;  ///< SPDX identifier
  const char* author;   ///< whom to credit
  const char* url;      ///< where the work comes from
  double weight;        ///< how often it is drawn, relative to the others
};

/// Every source known by name.
std::span<const Source> sources();

/// Null when no source is called so.
const Source* known_source(std::string_view id);

/// Throws Error listing the known names.
const Source& find_source(std::string_view id);

/// Where a source's unpacked files lie once fetched: `CACHE/sources/ID-VERSION`.
std::filesystem::path source_folder(const Source& source, const std::filesystem::path& cache);

bool is_fetched(const Source& source, const std::filesystem::path& cache);

/// Downloads and unpacks a source through its package manager (`npm pack`, `apt-get download`),
/// with the emoji names when its captions need them. Does nothing when it is already there; the
/// folder appears only when whole, so a broken-off fetch is simply done again. Returns
/// source_folder(). Throws Error with what to do when the package manager is missing or the network
/// fails.
std::filesystem::path fetch(const Source& source, const std::filesystem::path& cache,
                            const ProgressSink& sink = {});

}  // namespace sumi
