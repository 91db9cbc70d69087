#include "data/manifest.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/collection.h"
#include "data/furniture.h"
#include "data/icon_names.h"
#include "data/iconify.h"
#include "data/opt_out.h"
#include "data/plurals.h"
#include "data/portraits.h"
#include "data/tiles.h"
#include "data/words.h"
#include "media/metadata.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

/// Part of the file name, so that changed rules make the manifest again.
constexpr int kManifestVersion = 8;

/// One emoji: its names and where it belongs.
struct Emoji {
  std::string label;
  std::vector<std::string> tags;
  std::string group, subgroup;
};

/// Code points in lower-case hex joined by dashes, without the variation selector.
std::string normal_code(std::string_view code) {
  std::string result;
  while (!code.empty()) {
    const auto dash = code.find('-');
    auto part = std::string(code.substr(0, dash));
    code.remove_prefix(dash == code.npos ? code.size() : dash + 1);
    std::transform(part.begin(), part.end(), part.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (part != "fe0f") result += (result.empty() ? "" : "-") + part;
  }
  return result;
}

/// Letters of the alphabet as emoji and tones without a thing.
bool is_junk(const Emoji& emoji) {
  return emoji.group == "component" || emoji.label.starts_with("regional indicator");
}

/// Of an emoji's five skin tones the one that is kept, as its entry in the list; null for emoji
/// that have none. Which it is follows the name, so that every set has the same.
const Json* kept_tone(const Json& entry) {
  const auto skins = entry.find("skins");
  if (skins == entry.end() || !skins->is_array()) return nullptr;
  const auto label = entry.at("label").get<std::string>();
  const int wanted = static_cast<int>(XXH64(label.data(), label.size(), 0) % 5) + 1;
  for (const auto& skin : *skins)
    // Pairs of people have a list of tones.
    if (const auto tone = skin.find("tone");
        tone != skin.end() && tone->is_number_integer() && *tone == wanted)
      return &skin;
  return nullptr;
}

/// Emoji by normal code, each in one of its skin tones beside the plain one, in the order of the
/// list.
std::vector<std::pair<std::string, Emoji>> read_emoji(const fs::path& cache) {
  const auto folder = source_folder(find_source("emojibase"), cache) / "package";
  const auto list = read_json(folder / "en" / "data.json");
  const auto groups = read_json(folder / "meta" / "groups.json");
  const auto named = [&](const char* table, const Json& entry, const char* key) -> std::string {
    if (!entry.contains(key)) return "";
    return groups.at(table).value(std::to_string(entry[key].get<int>()), "");
  };
  std::vector<std::pair<std::string, Emoji>> result;
  for (const auto& entry : list) {
    Emoji emoji;
    emoji.label = entry.at("label").get<std::string>();
    if (entry.contains("tags"))
      for (const auto& tag : entry["tags"]) emoji.tags.push_back(tag.get<std::string>());
    emoji.group = named("groups", entry, "group");
    emoji.subgroup = named("subgroups", entry, "subgroup");
    if (is_junk(emoji)) continue;
    result.emplace_back(normal_code(entry.at("hexcode").get<std::string>()), emoji);
    if (const auto* tone = kept_tone(entry)) {
      emoji.label = tone->at("label").get<std::string>();
      result.emplace_back(normal_code(tone->at("hexcode").get<std::string>()), std::move(emoji));
    }
  }
  return result;
}

Row row_for(const Source& source, const std::string& key) {
  Row row;
  row.id = fmt::format("{}/{}", source.id, key);
  row.source = source.id;
  row.package = source.package;
  row.version = source.version;
  row.style = source.style;
  row.licence = source.licence;
  row.author = source.author;
  return row;
}

/// Signs and flags teach little that people ask for.
double weight_of_group(std::string_view group) {
  if (group == "flags") return 0.3;
  if (group == "symbols" || group == "component" || group.empty()) return 0.25;
  return 1;
}

/// "flag: France" -> "flag of France", "family: man, boy" -> "family with man, boy"; the rest by
/// plain_name().
std::string name_of(const Emoji& emoji) {
  if (emoji.label.starts_with("flag: ")) return "flag of " + emoji.label.substr(6);
  auto name = plain_name(emoji.label);
  if (const auto colon = name.find(": "); colon != name.npos) name.replace(colon, 1, " with");
  return name;
}

bool is_word(std::string_view text) {
  return text.size() > 2 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalpha(c) != 0 || c == ' ' || c == '-';
         });
}

Row emoji_row(const Source& source, const std::string& code, const Emoji& emoji) {
  Row row = row_for(source, code);
  row.name = name_of(emoji);
  for (const auto& tag : emoji.tags)
    if (tag != row.name && is_word(tag) && row.tags.size() < 8) row.tags.push_back(tag);
  row.group = emoji.group;
  row.subgroup = emoji.subgroup;
  row.weight = weight_of_group(emoji.group);
  return row;
}

std::vector<Row> code_point_rows(const Source& source, const fs::path& folder,
                                 const fs::path& cache) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".webp")
      files[normal_code(entry.path().stem().string())] =
          entry.path().lexically_relative(folder).string();
  std::vector<Row> rows;
  for (const auto& [code, emoji] : read_emoji(cache)) {
    const auto file = files.find(code);
    if (file == files.end()) continue;
    rows.push_back(emoji_row(source, code, emoji));
    rows.back().file = file->second;
  }
  return rows;
}

/// "red-apple" or, with `joined`, "redapple": how a set without code points names an emoji.
std::string slug(std::string_view label, bool joined) {
  std::string result;
  for (const char c : label) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!joined && (c == ' ' || c == '-') && !result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  return result;
}

std::vector<Row> iconify_rows(const Source& source, const fs::path& folder, const fs::path& cache) {
  const fs::path file = fs::path("package") / "icons.json";
  const IconSet icons(read_json(folder / file), (folder / file).string());
  std::map<std::string, std::string> by_code;
  const auto names = read_json(folder / "package" / "chars.json");
  for (const auto& [code, name] : names.items())
    if (name.is_string()) by_code.emplace(normal_code(code), name.get<std::string>());
  std::vector<Row> rows;
  std::set<std::string> taken;
  for (const auto& [code, emoji] : read_emoji(cache)) {
    std::string item;
    if (const auto found = by_code.find(code); found != by_code.end()) item = found->second;
    if (by_code.empty())
      for (const bool joined : {false, true})
        if (item.empty() && icons.contains(slug(emoji.label, joined)))
          item = slug(emoji.label, joined);
    if (item.empty() || !icons.contains(item) || !taken.insert(item).second) continue;
    rows.push_back(emoji_row(source, code, emoji));
    rows.back().file = file.string();
    rows.back().item = item;
  }
  return rows;
}

/// Chapters by icon, from an Iconify set's metadata; a set without it has none.
std::map<std::string, std::string> read_chapters(const fs::path& file) {
  std::map<std::string, std::string> result;
  if (!fs::exists(file)) return result;
  const auto metadata = read_json(file);
  const auto chapters = metadata.find("categories");
  if (chapters == metadata.end() || !chapters->is_object()) return result;
  for (const auto& [chapter, items] : chapters->items())
    for (const auto& item : items)
      if (item.is_string()) result.emplace(item.get<std::string>(), chapter);
  return result;
}

/// Icons that carry no code point: named by their identifiers, with an emoji's tags and group where
/// one has the same name. Repeats that differ by a counter share their emoji's weight.
std::vector<Row> titled_rows(const Source& source, const fs::path& folder, const fs::path& cache) {
  constexpr double kSign = 0.25;
  const fs::path file = fs::path("package") / "icons.json";
  const IconSet icons(read_json(folder / file), (folder / file).string());
  const auto chapters = read_chapters(folder / "package" / "metadata.json");
  std::map<std::string, Emoji> by_slug;
  for (auto& [code, emoji] : read_emoji(cache)) by_slug.emplace(slug(emoji.label, false), emoji);
  std::vector<Row> rows;
  for (const auto& item : icons.names()) {
    const auto found = chapters.find(item);
    const auto chapter = found == chapters.end() ? "" : found->second;
    const auto title = icon_name(item);
    if (title.empty() || is_brand_chapter(chapter)) continue;
    const auto emoji = by_slug.find(slug(title, false));
    Row row =
        emoji == by_slug.end() ? row_for(source, item) : emoji_row(source, item, emoji->second);
    if (emoji == by_slug.end()) {
      row.name = plain_name(chapter == "Flags" ? "flag of " + title : title);
      row.group = chapter;
      row.weight = chapter == "Flags"         ? weight_of_group("flags")
                   : is_sign_chapter(chapter) ? kSign
                                              : 1;
    }
    row.file = file.string();
    row.item = item;
    rows.push_back(std::move(row));
  }
  return rows;
}

/// The text of the first `<tag>…</tag>` from `from` on; `from` moves behind it.
std::string element_text(std::string_view svg, std::string_view tag, std::size_t& from) {
  const auto open = svg.find(fmt::format("<{}>", tag), from);
  if (open == svg.npos) return "";
  const auto start = open + tag.size() + 2;
  const auto end = svg.find('<', start);
  if (end == svg.npos || end - start > 200) return "";
  from = end;
  return std::string(svg.substr(start, end - start));
}

/// Title, keywords and author from a clip art file's metadata. Icons and the many near-identical
/// stars are weighed down by their folder.
Row clip_art_row(const Source& source, const fs::path& folder, const fs::path& file) {
  const auto relative = file.lexically_relative(folder);
  Row row = row_for(source, relative.string());
  row.file = relative.string();
  const auto svg = read_text_file(file, 4u << 20);
  std::size_t at = 0;
  if (at = svg.find("<dc:creator>"); at != svg.npos)
    if (auto author = element_text(svg, "dc:title", at); author.size() > 2) row.author = author;
  at = 0;
  row.name = repaired_title(element_text(svg, "dc:title", at), row.author);
  at = 0;
  for (auto tag = element_text(svg, "rdf:li", at); !tag.empty() && row.tags.size() < 8;
       tag = element_text(svg, "rdf:li", at)) {
    const auto word = repaired_title(tag, row.author);
    const bool says_something = word != row.name && word != "unsorted" && word != "hash";
    if (!word.empty() && says_something) row.tags.push_back(word);
  }
  row.group = "clip-art";
  row.subgroup = relative.parent_path().filename().string();
  const auto path = relative.string();
  if (path.find("/stars/") != path.npos) row.weight = 0.05;
  if (path.find("/icons/") != path.npos) row.weight = 0.25;
  if (path.find("/flags/") != path.npos) row.weight = weight_of_group("flags");
  return row;
}

/// "new zealand" -> "New Zealand".
std::string capitalised(std::string name) {
  bool first = true;
  for (char& c : name) {
    if (first) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    first = c == ' ';
  }
  return name;
}

/// "star_05pt02step" -> "star with five points"; empty for other files.
std::string star_name(std::string_view stem) {
  constexpr std::string_view kStart = "star_";
  constexpr int kCounted = 12;
  if (!stem.starts_with(kStart)) return "";
  int points = 0;
  const auto* end = stem.data() + stem.size();
  const auto [stop, problem] = std::from_chars(stem.data() + kStart.size(), end, points);
  if (problem != std::errc() || !std::string_view(stop, end).starts_with("pt") || points < 2)
    return "";
  return fmt::format("star with {} points", points > kCounted ? "many" : count_word(points));
}

/// Where the folder says what a picture shows and titles do not.
void name_by_folder(Row& row) {
  const auto says = [&](const char* word) { return row.name.find(word) != row.name.npos; };
  if (row.file.find("/flags/") != row.file.npos && !row.name.empty() && !says("flag") &&
      !says("arms"))
    row.name = "flag of " + capitalised(row.name);
  if (row.file.find("/stars/") != row.file.npos)
    if (auto name = star_name(fs::path(row.file).stem().string()); !name.empty())
      row.name = std::move(name);
}

constexpr int kSharedTitle = 6;

std::vector<Row> clip_art_rows(const Source& source, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    // Gradients for drawing programs: definitions, nothing to see.
    if (entry.path().extension() == ".svg" && entry.file_size() < (1u << 20) &&
        entry.path().parent_path().filename() != "gradients")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Row> rows;
  std::map<std::string, int> uses;
  for (const auto& file : files) {
    rows.push_back(clip_art_row(source, folder, file));
    ++uses[rows.back().name];
  }
  // A title that many files share is their collection's: the file name says more.
  for (auto& row : rows)
    if (uses[row.name] > kSharedTitle)
      row.name = repaired_title(fs::path(row.file).stem().string(), row.author);
  for (auto& row : rows) name_by_folder(row);
  std::erase_if(rows, [](const Row& row) { return row.name.empty(); });
  return rows;
}

std::vector<Row> build_rows(const Source& source, const fs::path& folder, const fs::path& cache) {
  switch (source.form) {
    case PictureForm::code_points:
      return code_point_rows(source, folder, cache);
    case PictureForm::iconify:
      return iconify_rows(source, folder, cache);
    case PictureForm::titled:
      return titled_rows(source, folder, cache);
    case PictureForm::svg_tree:
      return clip_art_rows(source, folder);
    case PictureForm::portraits:
      return portrait_rows(source, folder);
    case PictureForm::models:
      return furniture_rows(source, folder);
    case PictureForm::tiles:
      return tile_rows(source, folder);
    case PictureForm::names:
      break;
  }
  throw Error(fmt::format("{} holds names, not pictures", source.id), "name a source of pictures");
}

/// What the file says; a damaged one says nothing here and is named when it is drawn.
bool file_says_no_ai(const Row& row) {
  if (is_vector(row)) return false;
  try {
    const PictureBytes picture(row);
    return says_no_ai(read_metadata(picture.bytes(), row.id));
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<Row> manifest(const Source& source, const fs::path& cache, const ProgressSink& sink) {
  const auto folder = source_folder(source, cache);
  if (!is_fetched(source, cache))
    throw Error(fmt::format("the pictures of {} are not here yet", source.id),
                fmt::format("run: sumi data fetch {}", source.id));
  const auto file = folder / fmt::format("manifest-{}.jsonl", kManifestVersion);
  if (!fs::exists(file)) {
    Progress progress(fmt::format("reading {}", source.id), 0, sink);
    const auto rows = build_rows(source, folder, cache);
    save_rows(file, rows);
    progress.advance(static_cast<std::int64_t>(rows.size()));
  }
  return load_rows(file);
}

std::vector<Row> folder_manifest(const fs::path& folder, const std::string& style, bool cut_outs) {
  const fs::path paths[] = {folder};
  std::vector<Row> rows;
  for (auto& picture : collect(paths).pictures) {
    auto& row = picture.row;
    if (picture.opted_out || file_says_no_ai(row)) continue;
    const auto stem = row.name.empty() ? fs::path(row.file).stem().string() : row.name;
    const auto named = repaired_title(stem);
    const auto said = row.caption;
    row.name = !said.empty() ? said : !named.empty() ? named : stem;
    row.caption = cut_outs ? "" : said.empty() ? with_article(row.name) : said;
    if (!style.empty()) row.style = style;
    rows.push_back(std::move(row));
  }
  if (rows.empty())
    throw Error(fmt::format("every picture of {} asks to be left out of training", folder.string()),
                "use other pictures");
  return rows;
}

void save_rows(const fs::path& file, const std::vector<Row>& rows) {
  AtomicFile out(file);
  for (const auto& row : rows) out.write(to_json(row).dump() + "\n");
  out.commit();
}

std::vector<Row> load_rows(const fs::path& file) {
  const auto text = read_text_file(file, 256u << 20);
  std::vector<Row> rows;
  std::size_t start = 0;
  for (int line = 1; start < text.size(); ++line) {
    const auto end = std::min(text.find('\n', start), text.size());
    const auto origin = fmt::format("{}:{}", file.string(), line);
    if (end > start) {
      Row row;
      from_json(parse_json(std::string_view(text).substr(start, end - start), origin), row, origin);
      rows.push_back(std::move(row));
    }
    start = end + 1;
  }
  return rows;
}

}  // namespace sumi
