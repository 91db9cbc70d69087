#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/files.h"
#include "core/json.h"
#include "data/manifest.h"
#include "media/image.h"

namespace sumi {

/// One of people's own pictures. `row.file` is absolute; `row.item` tells a shard's member.
struct OwnPicture {
  Row row;
  bool has_caption = false;
  bool opted_out = false;  ///< by a marker beside it; what the file itself says is not read yet
};

/// What lies under the paths that were given.
struct Collection {
  std::vector<OwnPicture> pictures;     ///< in the order of the paths, sorted within each
  std::vector<std::string> orphans;     ///< captions whose picture is not there
  std::vector<std::string> complaints;  ///< "where: what": records that cannot be read
  std::vector<std::string> notes;       ///< what a person may not expect of how paths were read
};

/// Reads people's own data, whatever form each path has:
/// - a folder, with all below it: pictures (PNG, JPEG, WebP, SVG) with captions beside them as
///   NAME.txt, NAME.caption or NAME.json, or named in the folder's metadata.jsonl or metadata.csv
///   (as Hugging Face's imagefolder writes them), and tar shards;
/// - a .jsonl or .csv file of that kind; a .tar shard (WebDataset); one picture;
/// - `kept.jsonl` or another list that curate() wrote;
/// - with `cache`, where nothing lies under a path: the id of a fetched source, see
///   source_pictures(). A folder of that name wins, and `notes` says so.
/// Records may say caption (or text, prompt), tags, licence (license), author, style, group,
/// subgroup, name and noai. Throws Error for a path that is not there or is none of these, and when
/// nothing at all holds a picture; what is wrong inside is kept in `orphans` and `complaints`.
Collection collect(std::span<const std::filesystem::path> paths,
                   const std::filesystem::path& cache = {}, const ProgressSink& sink = {});

/// A picture's bytes where they lie: a file of its own or a stretch of a shard.
class PictureBytes {
 public:
  /// Throws Error when the file is gone or shorter than when it was listed.
  explicit PictureBytes(const Row& row);
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  MappedFile file_;
  std::span<const std::byte> bytes_;
};

/// A picture's name for people: its path, or shard and key.
std::string shown_name(const Row& row);

/// True for a vector picture, which has no size of its own.
bool is_vector(const Row& row);

/// The decoded picture; a vector picture is drawn with `vector_px` as its longer side.
Image load_picture(const Row& row, int vector_px);

/// Fills the fields that are still empty from a record (a JSON sidecar, a line of metadata).
void fill_from_record(OwnPicture& picture, const Json& record);

/// The caption of a text file's content: one line, no white space at the ends.
std::string caption_of_text(std::string_view text);

}  // namespace sumi
