#include "data/portraits.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/files.h"
#include "data/words.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kScript = R"js(import {createAvatar} from '@dicebear/core';
import * as collection from '@dicebear/collection';
import fs from 'node:fs';
const [folder, count] = [process.argv[2], Number(process.argv[3])];
const styles = ['openPeeps', 'adventurer', 'bigSmile', 'micah', 'personas', 'toonHead'];
const often = {glassesProbability: 30, facialHairProbability: 25, beardProbability: 25,
               accessoriesProbability: 30, earringsProbability: 20, featuresProbability: 15,
               maskProbability: 0};
const lines = [];
for (const style of styles) {
  const {meta} = collection[style];
  for (let i = 0; i < count; ++i) {
    const avatar = createAvatar(collection[style], {seed: `sumi-${i}`, ...often}).toJson();
    const file = `${style}-${i}.svg`;
    fs.writeFileSync(`${folder}/${file}`, avatar.svg);
    lines.push(JSON.stringify({file, style, attributes: avatar.extra, author: meta.creator ?? '',
                               licence: meta.license?.name ?? ''}));
  }
}
fs.writeFileSync(`${folder}/portraits.jsonl`, lines.join('\n') + '\n');
)js";

struct StyleWords {
  std::string_view style;
  const char* words;
};
constexpr StyleWords kStyles[] = {
    {"openPeeps", "hand-drawn portrait"}, {"adventurer", "cartoon portrait"},
    {"bigSmile", "funny portrait"},       {"micah", "flat portrait"},
    {"personas", "minimal portrait"},     {"toonHead", "comic portrait"}};

/// Hair by the names that the styles give it. "{}" stands for the colour.
struct Look {
  std::string_view value;
  const char* words;
};
constexpr Look kHair[] = {{"afro", "a {} afro"},
                          {"longAfro", "a large {} afro"},
                          {"bantuKnots", "{} bantu knots"},
                          {"bun", "{} hair in a bun"},
                          {"bun2", "{} hair in a bun"},
                          {"buns", "{} hair in two buns"},
                          {"bunHair", "{} hair in a bun"},
                          {"froBun", "curly {} hair in a bun"},
                          {"curlyBun", "curly {} hair in a bun"},
                          {"straightBun", "{} hair in a bun"},
                          {"bunUndercut", "{} hair in a bun"},
                          {"cornrows", "{} cornrows"},
                          {"cornrows2", "{} cornrows"},
                          {"dreads1", "{} dreadlocks"},
                          {"dreads2", "{} dreadlocks"},
                          {"flatTop", "a {} flat top"},
                          {"flatTopLong", "a {} flat top"},
                          {"curlyHighTop", "a curly {} high top"},
                          {"grayBun", "gray hair in a bun"},
                          {"grayMedium", "gray hair"},
                          {"grayShort", "short gray hair"},
                          {"hatBeanie", "a beanie"},
                          {"beanie", "a beanie"},
                          {"hatHip", "a hat"},
                          {"cap", "a cap"},
                          {"hijab", "a hijab"},
                          {"turban", "a turban"},
                          {"mohawk", "a {} mohawk"},
                          {"mohawk2", "a {} mohawk"},
                          {"mrT", "a {} mohawk"},
                          {"noHair1", "a bald head"},
                          {"noHair2", "a bald head"},
                          {"noHair3", "a bald head"},
                          {"bald", "a bald head"},
                          {"balding", "thin {} hair"},
                          {"mrClean", "a bald head"},
                          {"shavedHead", "a shaved head"},
                          {"shaved1", "a shaved head"},
                          {"shaved2", "a shaved head"},
                          {"shaved3", "a shaved head"},
                          {"halfShavedHead", "half-shaved {} hair"},
                          {"sideShave", "side-shaved {} hair"},
                          {"undercut", "a {} undercut"},
                          {"buzzcut", "a {} buzz cut"},
                          {"fade", "very short {} hair"},
                          {"pixie", "a {} pixie cut"},
                          {"bobCut", "a {} bob"},
                          {"bobBangs", "a {} bob with bangs"},
                          {"wavyBob", "a wavy {} bob"},
                          {"curlyBob", "a curly {} bob"},
                          {"bowlCutHair", "a {} bowl cut"},
                          {"braids", "{} braids"},
                          {"pigtails", "{} pigtails"},
                          {"twists", "{} twists"},
                          {"twists2", "{} twists"},
                          {"curly", "curly {} hair"},
                          {"curlyShortHair", "short curly {} hair"},
                          {"longCurly", "long curly {} hair"},
                          {"straightHair", "straight {} hair"},
                          {"spiky", "spiky {} hair"},
                          {"extraLong", "very long {} hair"},
                          {"full", "full {} hair"},
                          {"pomp", "a {} pompadour"},
                          {"bangs", "{} hair with bangs"},
                          {"bangs2", "{} hair with bangs"},
                          {"longBangs", "long {} hair with bangs"}};

/// For values that are numbered within a kind: "short03", "long21", "mediumBangs2".
constexpr Look kHairKinds[] = {
    {"short", "short {} hair"}, {"long", "long {} hair"}, {"medium", "medium-length {} hair"}};

constexpr Look kFaces[] = {{"glasses", "glasses"},
                           {"sunglasses", "sunglasses"},
                           {"eyepatch", "an eyepatch"},
                           {"catEars", "cat ears"},
                           {"sailormoonCrown", "a crown"},
                           {"clownNose", "a clown nose"},
                           {"sleepMask", "a sleep mask"},
                           {"faceMask", "a face mask"},
                           {"medicalMask", "a medical mask"},
                           {"mustache", "a mustache"},
                           {"moustache", "a mustache"},
                           {"walrus", "a mustache"},
                           {"pyramid", "a mustache"},
                           {"freckles", "freckles"},
                           {"goatee", "a goatee"},
                           {"chin", "a chin beard"},
                           {"full", "a full beard"},
                           {"fullBeard", "a full beard"},
                           {"longBeard", "a long beard"},
                           {"beardMustache", "a beard"},
                           {"beard", "a beard"},
                           {"scruff", "stubble"},
                           {"shadow", "stubble"},
                           {"moustacheTwirl", "a twirled mustache"}};

std::string text(const Json& attributes, const char* key) {
  const auto found = attributes.find(key);
  return found != attributes.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string without_number(std::string value) {
  while (!value.empty() && value.back() >= '0' && value.back() <= '9') value.pop_back();
  return value;
}

template <class Table>
const char* words_for(const Table& table, std::string_view value) {
  for (const auto& [known, words] : table)
    if (value == known) return words;
  return nullptr;
}

/// What people call a colour written "#rrggbb" on hair or cloth; empty when it is not such a text.
std::string colour_word(std::string_view hex) {
  if (hex.size() < 7 || hex[0] != '#') return "";
  std::array<double, 3> rgb{};
  for (std::size_t i = 0; i < 3; ++i)
    for (const char digit : hex.substr(1 + 2 * i, 2)) {
      const auto at = std::string_view("0123456789abcdef").find(digit);
      if (at == std::string_view::npos) return "";
      rgb[i] = rgb[i] * 16 + static_cast<double>(at);
    }
  const auto [r, g, b] = rgb;
  const double high = std::max({r, g, b}), low = std::min({r, g, b}), span = high - low;
  if (high < 60) return "black";
  if (span < 0.14 * high) return high > 215 ? "white" : "gray";
  double hue = high == r ? (g - b) / span : high == g ? 2 + (b - r) / span : 4 + (r - g) / span;
  hue = (hue < 0 ? hue + 6 : hue) * 60;
  if (hue >= 12 && hue < 55) {
    if (high < 190) return high < 105 ? "dark brown" : "brown";
    if (hue >= 46 && span > 0.6 * high) return "yellow";
    return span < 0.5 * high || hue >= 42 ? "blond" : "orange";
  }
  if (hue < 12 || hue >= 345) return span < 0.45 * high ? (high < 160 ? "brown" : "pink") : "red";
  if (hue < 70) return "yellow";
  if (hue < 165) return "green";
  if (hue < 195) return "turquoise";
  if (hue < 255) return "blue";
  if (hue < 290) return "purple";
  return "pink";
}

std::string coloured(const char* words, const std::string& colour) {
  auto result = fmt::format(fmt::runtime(words), colour);
  for (auto at = result.find("  "); at != result.npos; at = result.find("  ")) result.erase(at, 1);
  if (result.starts_with(' ')) result.erase(0, 1);
  if (result.starts_with("a ")) result = article_for(result.substr(2)) + result.substr(1);
  return result;
}

std::string hair_words(std::string_view style, const Json& attributes) {
  auto value = text(attributes, style == "openPeeps" ? "head" : "hair");
  if (style == "toonHead" && value.empty()) value = text(attributes, "rearHair");
  const auto colour =
      colour_word(text(attributes, style == "openPeeps" ? "headContrastColor" : "hairColor"));
  if (const auto* words = words_for(kHair, value)) return coloured(words, colour);
  for (const auto& [kind, words] : kHairKinds)
    if (value.starts_with(kind)) return coloured(words, colour);
  return colour.empty() || value.empty() || style == "openPeeps" ? "" : colour + " hair";
}

}  // namespace

std::string_view portrait_script() { return kScript; }

std::string portrait_name(std::string_view style, const Json& attributes) {
  std::vector<std::string> features;
  const auto add = [&](const std::string& feature) {
    if (!feature.empty() && std::find(features.begin(), features.end(), feature) == features.end())
      features.push_back(feature);
  };
  add(hair_words(style, attributes));
  for (const char* key : {"accessories", "eyes", "features", "facialHair", "beard", "mask"})
    if (const auto* words = words_for(kFaces, without_number(text(attributes, key)))) add(words);
  if (!text(attributes, "glasses").empty()) add("glasses");
  if (!text(attributes, "earrings").empty()) add("earrings");
  for (const char* key : {"clothingColor", "clothesColor", "shirtColor"}) {
    auto colour = colour_word(text(attributes, key));
    if (colour == "blond") colour = "beige";
    if (!colour.empty()) add(article_for(colour) + " " + colour + " shirt");
  }
  std::string name = "person";
  for (std::size_t i = 0; i < features.size(); ++i)
    name += (i == 0 ? " with " : i + 1 == features.size() ? " and " : ", ") + features[i];
  return name;
}

std::vector<Row> portrait_rows(const Source& source, const fs::path& folder) {
  const auto list = read_text_file(folder / "portraits.jsonl", 64u << 20);
  std::vector<Row> rows;
  std::size_t start = 0;
  while (start < list.size()) {
    const auto end = std::min(list.find('\n', start), list.size());
    const auto line = parse_json(std::string_view(list).substr(start, end - start),
                                 (folder / "portraits.jsonl").string());
    start = end + 1;
    const auto style = text(line, "style"), file = text(line, "file");
    const auto* words = words_for(kStyles, style);
    if (words == nullptr || file.empty() || !line.contains("attributes"))
      throw Error(fmt::format("{}: line {} is not a portrait", folder.string(), rows.size() + 1),
                  "remove the folder and fetch the source again");
    Row row;
    row.id = fmt::format("{}/{}", source.id, file);
    row.source = source.id, row.package = source.package, row.version = source.version;
    row.file = file;
    row.name = portrait_name(style, line["attributes"]);
    row.group = "portrait", row.subgroup = style;
    row.style = words;
    row.licence = text(line, "licence") == "CC0 1.0" ? "CC0-1.0" : "CC-BY-4.0";
    row.author = text(line, "author");
    const auto bucket = XXH64(row.name.data(), row.name.size(), 0) % 100;
    row.split = bucket < 94 ? "train" : bucket < 97 ? "validation" : "held_out";
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sumi
