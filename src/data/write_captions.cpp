#include "data/write_captions.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/csv.h"
#include "data/words.h"
#include "text/unicode.h"

namespace sumi {
namespace {

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// A field's text; nothing for an unknown field.
std::optional<std::string> field_text(std::string_view field, const Row& row) {
  const auto stem = std::filesystem::path(row.file).stem().string();
  auto name = row.name.empty() ? repaired_title(stem) : row.name;
  if (name.empty()) name = stem;
  if (field == "name") return name;
  if (field == "a name") return name.empty() ? "" : with_article(name);
  if (field == "caption") return row.caption;
  if (field == "style") return row.style;
  if (field == "group") return row.group;
  if (field == "subgroup") return row.subgroup;
  if (field == "author") return row.author;
  if (field != "tags") return std::nullopt;
  std::string tags;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, row.tags.size()); ++i)
    tags += (i > 0 ? ", " : "") + row.tags[i];
  return tags;
}

/// Fills a piece without brackets; nothing when one of its fields is empty.
std::optional<std::string> filled(std::string_view piece, const Row& row) {
  std::string text;
  bool whole = true;
  while (!piece.empty()) {
    const auto open = std::min(piece.find('{'), piece.size());
    text += piece.substr(0, open);
    piece.remove_prefix(open);
    if (piece.empty()) break;
    const auto close = piece.find('}');
    const auto field = piece.substr(1, close == piece.npos ? close : close - 1);
    const auto value = close == piece.npos ? std::nullopt : field_text(field, row);
    if (!value)
      throw Error(
          fmt::format("the template's field {{{}}} is not known", field),
          "use {name}, {a name}, {caption}, {style}, {group}, {subgroup}, {tags}, {author}");
    whole = whole && !value->empty();
    text += *value;
    piece.remove_prefix(close + 1);
  }
  return whole ? std::optional(text) : std::nullopt;
}

std::u32string plain_signs(const std::u32string& text) {
  std::u32string result;
  for (const auto point : text) {
    if (point == U'\u2018' || point == U'\u2019')
      result += U'\'';
    else if (point == U'\u201C' || point == U'\u201D' || point == U'\u201E')
      result += U'"';
    else if (point == U'\u2013' || point == U'\u2014')
      result += U'-';
    else if (point == U'\u2026')
      result += U"...";
    else
      result += is_invisible(point) && !is_white_space(point) ? U' ' : point;
  }
  return result;
}

/// Without <tags> and without words that are addresses.
std::string without_markup(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto open = text.find('<');
    const auto close = open == text.npos ? open : text.find('>', open);
    const bool tag =
        close != text.npos && close - open < 200 && open + 1 < text.size() &&
        (std::isalpha(static_cast<unsigned char>(text[open + 1])) != 0 || text[open + 1] == '/');
    const auto end = open == text.npos ? text.size() : tag ? open : open + 1;
    plain += text.substr(0, end);
    if (tag) plain += ' ';
    text.remove_prefix(tag ? close + 1 : end);
  }
  std::string result;
  for (std::size_t start = 0; start < plain.size();) {
    const auto end = std::min(plain.find(' ', start), plain.size());
    const auto word = plain.substr(start, end - start);
    const bool address =
        word.starts_with("http://") || word.starts_with("https://") || word.starts_with("www.");
    if (!address && !word.empty()) result += (result.empty() ? "" : " ") + word;
    start = end + 1;
  }
  return result;
}

/// Pieces between commas, each once, joined again.
std::string without_repeats(const std::string& text) {
  std::set<std::string> seen;
  std::string result;
  for (std::size_t start = 0; start <= text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    auto piece = caption_of_text(std::string_view(text).substr(start, end - start));
    auto key = piece;
    std::transform(key.begin(), key.end(), key.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!piece.empty() && seen.insert(key).second) result += (result.empty() ? "" : ", ") + piece;
    start = end + 1;
  }
  return result;
}

/// "a apple" -> "an apple" and the reverse, where the next word is plain letters.
std::string with_right_articles(const std::string& text) {
  std::string result;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find(' ', start), text.size());
    auto word = text.substr(start, end - start);
    const bool article = word == "a" || word == "an" || word == "A" || word == "An";
    if (article && end + 1 < text.size()) {
      const auto next = text.substr(end + 1, text.find(' ', end + 1) - end - 1);
      const bool plain =
          next.size() > 1 && std::all_of(next.begin(), next.end(), [](unsigned char c) {
            return std::islower(c) != 0 || c == ',' || c == '.';
          });
      if (plain) {
        const bool capital = word[0] == 'A';
        word = article_for(next);
        if (capital) word[0] = 'A';
      }
    }
    result += (result.empty() ? "" : " ") + word;
    start = end + 1;
  }
  return result;
}

}  // namespace

std::string compose_caption(std::string_view template_text, const Row& row) {
  std::string caption;
  const auto unpaired = [&] {
    return Error(
        fmt::format("the template \"{}\" has a bracket without its partner", template_text),
        "write [ … ] around what falls away with an empty field");
  };
  auto rest = template_text;
  while (!rest.empty()) {
    const auto open = std::min(rest.find('['), rest.size());
    if (rest.substr(0, open).find(']') != rest.npos) throw unpaired();
    // Outside of brackets an empty field is just nothing.
    auto piece = rest.substr(0, open);
    while (!piece.empty()) {
      const auto close = piece.find('}');
      const auto part = piece.substr(0, close == piece.npos ? close : close + 1);
      if (const auto text = filled(part, row)) {
        caption += *text;
      } else {
        caption += part.substr(0, part.find('{'));
      }
      piece.remove_prefix(part.size());
    }
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const auto close = rest.find(']');
    if (close == rest.npos || rest.substr(1, close - 1).find('[') != rest.npos) throw unpaired();
    caption += filled(rest.substr(1, close - 1), row).value_or("");
    rest.remove_prefix(close + 1);
  }
  return caption_of_text(caption);
}

std::string repaired_caption(std::string_view caption) {
  const auto points = compose(decode_utf8(replace_invalid_utf8(caption), "caption"));
  auto text = without_markup(caption_of_text(encode_utf8(plain_signs(points))));
  std::replace(text.begin(), text.end(), '_', ' ');
  text = with_right_articles(without_repeats(caption_of_text(text)));
  const bool one_sentence = text.find_first_of(".!?") == text.size() - 1;
  if (one_sentence && text.ends_with('.')) text.pop_back();
  return text;
}

Translations read_translations(const std::filesystem::path& file) {
  const auto table = parse_csv(read_text_file(file), file.string());
  Translations translations;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto where = fmt::format("{}, record {}", file.string(), i + 1);
    if (table[i].size() != 2)
      throw Error(fmt::format("{}: {} columns", where, table[i].size()),
                  "write two on each line: what is said, and what to say instead");
    if (i == 0 && table[i][0] == "from" && table[i][1] == "to") continue;
    const auto from = lowered(caption_of_text(table[i][0]));
    if (from.empty())
      throw Error(fmt::format("{}: nothing is to be translated", where), "take the line out");
    if (!translations.emplace(from, caption_of_text(table[i][1])).second)
      throw Error(fmt::format("{}: \"{}\" is translated twice", where, from),
                  "leave one of the lines");
  }
  return translations;
}

void translate(Collection& data, const Translations& table) {
  const auto said = [&](std::string& word) {
    if (const auto found = table.find(lowered(word)); found != table.end()) word = found->second;
  };
  if (table.empty()) return;
  for (auto& picture : data.pictures) {
    auto& row = picture.row;
    for (auto* field : {&row.name, &row.group, &row.subgroup, &row.style}) said(*field);
    for (auto& tag : row.tags) said(tag);
    std::erase(row.tags, "");
    std::string caption;
    for (std::size_t start = 0; start <= row.caption.size();) {
      const auto end = std::min(row.caption.find(',', start), row.caption.size());
      auto part = caption_of_text(std::string_view(row.caption).substr(start, end - start));
      said(part);
      if (!part.empty()) caption += (caption.empty() ? "" : ", ") + part;
      start = end + 1;
    }
    row.caption = caption;
    picture.has_caption = !caption.empty();
  }
}

std::vector<CaptionChange> write_captions(const Collection& data,
                                          const std::vector<std::string>& templates, bool replace) {
  std::vector<CaptionChange> changes;
  for (std::size_t i = 0; i < data.pictures.size(); ++i) {
    const auto& picture = data.pictures[i];
    auto caption = picture.row.caption;
    if (!templates.empty() && (replace || !picture.has_caption)) {
      const auto name = std::filesystem::path(shown_name(picture.row)).filename().string();
      caption = compose_caption(templates[XXH64(name.data(), name.size(), 0) % templates.size()],
                                picture.row);
    }
    caption = repaired_caption(caption);
    if (caption != picture.row.caption) changes.push_back({i, picture.row.caption, caption});
  }
  return changes;
}

}  // namespace sumi
