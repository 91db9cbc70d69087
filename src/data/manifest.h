#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/progress.h"
#include "data/sources.h"

namespace sumi {

/// One picture and what is known about it; a line of a source's manifest.
struct Row {
  std::string id;      ///< "noto/1f34e": unique and stable
  std::string source;  ///< the source's id
  std::string package, version;
  std::string file;     ///< beneath source_folder(), or absolute in a local folder
  std::string item;     ///< the name inside the file when it holds many pictures; in a shard
                        ///< "OFFSET+SIZE.ENDING"
  std::string name;     ///< what it shows, e.g. "red apple": without article, style or ground
  std::string caption;  ///< a whole caption (local folders); empty: composed from the fields
  std::string view;     ///< from which side it is seen, where people would say so: "from above"
  std::vector<std::string> tags;
  std::string group, subgroup;  ///< "food-drink", "food-fruit"
  std::string style, licence, author;
  std::string split;  ///< "train", "validation", "held_out_pairs" or "held_out" where curate()
                      ///< fixed it; else by name
  double weight = 1;  ///< relative to other rows of the source

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("id", self.id, "unique name");
    visit("source", self.source, "source it comes from");
    visit("package", self.package, "package it was in");
    visit("version", self.version, "version of the package");
    visit("file", self.file, "file inside the source");
    visit("item", self.item, "name inside the file");
    visit("name", self.name, "what it shows");
    visit("caption", self.caption, "a caption to be used as it is");
    visit("view", self.view, "from which side it is seen");
    visit("tags", self.tags, "related words");
    visit("group", self.group, "broad kind");
    visit("subgroup", self.subgroup, "narrow kind");
    visit("style", self.style, "words for its look");
    visit("licence", self.licence, "SPDX identifier");
    visit("author", self.author, "whom to credit");
    visit("split", self.split, "side of the split, where it is fixed");
    visit("weight", self.weight, "how often it is drawn");
  }
};

/// The manifest of a fetched source, made on first use and kept as JSON lines beside its files:
/// junk dropped, of skin tones one in five kept, names repaired. Throws Error when the source is
/// not fetched.
std::vector<Row> manifest(const Source& source, const std::filesystem::path& cache,
                          const ProgressSink& sink = {});

/// People's own pictures as collect() reads them; without a caption the picture's own name,
/// repaired. With `cut_outs` the pictures are things on transparency and the words their names;
/// otherwise the words are whole captions. Pictures whose record or file asks to be left out of
/// training are left out. Throws Error as collect() does, and when nothing is left.
std::vector<Row> folder_manifest(const std::filesystem::path& folder, const std::string& style,
                                 bool cut_outs);

/// JSON lines, one row each.
void save_rows(const std::filesystem::path& file, const std::vector<Row>& rows);
std::vector<Row> load_rows(const std::filesystem::path& file);

}  // namespace sumi
