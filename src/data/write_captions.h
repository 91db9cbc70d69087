#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/collection.h"

namespace sumi {

/// A caption composed from a picture's fields. `{name}`, `{a name}` (with its article),
/// `{caption}`,
/// `{style}`, `{group}`, `{subgroup}`, `{tags}` (up to three, with commas) and `{author}` stand for
/// fields; what stands in `[ … ]` falls away whole when a field in it is empty: "[{style} of ]{a
/// name}[, {tags}]". Throws Error for an unknown field or a bracket without its partner.
std::string compose_caption(std::string_view template_text, const Row& row);

/// A caption put right: valid UTF-8 in normal form C, one line, typographic quotes and dashes made
/// plain, markup and addresses dropped, "_" between words as spaces, repeated tags and repeated
/// commas dropped, "a apple" -> "an apple", a final full stop dropped from a caption of one
/// sentence.
std::string repaired_caption(std::string_view caption);

/// Words for words, by the lower-cased original.
using Translations = std::map<std::string, std::string>;

/// Reads a CSV table of two columns, from and to; a first line that says just that is passed over.
/// Throws Error naming file and line for other columns, empty originals and originals said twice.
Translations read_translations(const std::filesystem::path& file);

/// Replaces tags, groups, subgroups, styles, names and the parts of captions between commas that
/// the table knows, whatever their case. A tag that becomes nothing falls away.
void translate(Collection& data, const Translations& table);

struct CaptionChange {
  std::size_t picture = 0;  ///< index into the collection
  std::string before, after;
};

/// New captions for a collection: composed by the template that the picture's content draws among
/// `templates` when it has no caption (or `replace` asks for it), repaired in any case. Pictures
/// whose caption stays as it is are not listed.
std::vector<CaptionChange> write_captions(const Collection& data,
                                          const std::vector<std::string>& templates, bool replace);

}  // namespace sumi
