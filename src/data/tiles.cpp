#include "data/tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/files.h"
#include "data/rasterise.h"
#include "media/geometry.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr const char* kModule = "package/dist/hero-patterns.es.js";

/// What each motif shows, as it stands after a colour: "red anchors".
struct Named {
  const char* key;
  const char* name;
};
constexpr Named kNames[] = {{"anchorsAway", "anchors"},
                            {"architect", "thin slanted lines"},
                            {"autumn", "braided columns"},
                            {"aztec", "greek keys"},
                            {"bamboo", "woven diamonds"},
                            {"bankNote", "thin wavy lines"},
                            {"bathroomFloor", "bathroom tiles"},
                            {"bevelCircle", "circles and octagons"},
                            {"boxes", "right triangles"},
                            {"brickWall", "bricks"},
                            {"bubbles", "bubbles"},
                            {"cage", "interlocking links"},
                            {"charlieBrown", "zigzag lines"},
                            {"churchOnSunday", "rosettes"},
                            {"circlesAndSquares", "circles and squares"},
                            {"circuitBoard", "circuit board lines"},
                            {"connections", "connected triangles"},
                            {"corkScrew", "curling waves"},
                            {"current", "rounded waves"},
                            {"curtain", "narrow chevrons"},
                            {"cutout", "pixel flowers"},
                            {"deathStar", "rounded bars"},
                            {"diagonalLines", "thin diagonal lines"},
                            {"diagonalStripes", "diagonal stripes"},
                            {"dominos", "dominoes"},
                            {"endlessClouds", "scalloped clouds"},
                            {"eyes", "eyes"},
                            {"fallingTriangles", "small triangles"},
                            {"fancyRectangles", "narrow rectangles"},
                            {"flippedDiamonds", "halved diamonds"},
                            {"floatingCogs", "gears"},
                            {"floorTile", "stepped squares"},
                            {"formalInvitation", "wavy stripes"},
                            {"fourPointStars", "four-pointed stars"},
                            {"glamorous", "gemstones"},
                            {"graphPaper", "graph paper lines"},
                            {"groovy", "slanted strokes"},
                            {"happyIntersection", "ornamental squares"},
                            {"heavyRain", "thick raindrops"},
                            {"hexagons", "hexagons"},
                            {"hideout", "small crosses"},
                            {"houndstooth", "houndstooth"},
                            {"iLikeFood", "snacks and drinks"},
                            {"intersectingCircles", "intersecting circles"},
                            {"jigsaw", "jigsaw pieces"},
                            {"jupiter", "star flowers"},
                            {"kiwi", "kiwi slices"},
                            {"leaf", "leaves"},
                            {"linesInMotion", "scattered dashes"},
                            {"lips", "swelling stripes"},
                            {"lisbon", "portuguese tiles"},
                            {"melt", "melting zigzags"},
                            {"moroccan", "moroccan lattice"},
                            {"morphingDiamonds", "nested diamonds"},
                            {"overcast", "squares with round holes"},
                            {"overlappingCircles", "overlapping dots"},
                            {"overlappingDiamonds", "overlapping diamonds"},
                            {"overlappingHexagons", "overlapping hexagons"},
                            {"parkayFloor", "parquet strips"},
                            {"pianoMan", "piano keys"},
                            {"pieFactory", "sliced circles"},
                            {"pixelDots", "pixel dots"},
                            {"plus", "plus signs"},
                            {"polkaDots", "polka dots"},
                            {"rails", "crossing rails"},
                            {"rain", "raindrops"},
                            {"randomShapes", "small random shapes"},
                            {"roundedPlusConnected", "connected rounded crosses"},
                            {"signal", "offset bars"},
                            {"skulls", "skulls"},
                            {"slantedStars", "slanted stars"},
                            {"squares", "outlined squares"},
                            {"squaresInSquares", "squares in squares"},
                            {"stampCollection", "postage stamps"},
                            {"steelBeams", "steel beams"},
                            {"stripes", "vertical stripes"},
                            {"temple", "interlaced squares"},
                            {"texture", "tiny dots"},
                            {"ticTacToe", "crosses and circles"},
                            {"tinyCheckers", "tiny checkers"},
                            {"topography", "contour lines"},
                            {"volcanoLamp", "curvy lines"},
                            {"wallpaper", "wallpaper stripes"},
                            {"wiggle", "wiggly dashes"},
                            {"xEquals", "crosses and double dashes"},
                            {"yyy", "three-armed shapes"},
                            {"zigZag", "zigzags"}};

/// "%20" as a space; what is no such code stays.
std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const auto* digits = text.data() + i + 1;
    if (text[i] == '%' && text.size() - i > 2 &&
        std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
      result += static_cast<char>(code);
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

/// What stands between `from` and the next `until`; `at` moves behind that. Empty where there is
/// none.
std::string_view up_to(std::string_view text, std::size_t& at, std::string_view until) {
  const auto end = text.find(until, at);
  if (end == text.npos) {
    at = text.size();
    return {};
  }
  const auto part = text.substr(at, end - at);
  at = end + until.size();
  return part;
}

/// The functions' names inside the module by those it exports: "export{G as anchorsAway,…}".
std::map<std::string, std::string> exported(std::string_view script) {
  std::map<std::string, std::string> names;
  auto at = script.rfind("export{");
  if (at == script.npos) return names;
  at += 7;
  std::string_view list = up_to(script, at, "}");
  while (!list.empty()) {
    const auto entry = list.substr(0, list.find(','));
    list.remove_prefix(std::min(entry.size() + 1, list.size()));
    if (const auto as = entry.find(" as "); as != entry.npos)
      names.emplace(entry.substr(0, as), entry.substr(as + 4));
  }
  return names;
}

/// A length in CSS pixels from the first `name="…"`; 0 where there is none.
double length(std::string_view svg, std::string_view name) {
  const auto at = svg.find(fmt::format(" {}=", name));
  if (at == svg.npos || svg.size() - at < name.size() + 4) return 0;
  const auto digits = svg.substr(at + name.size() + 3);
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

TileSet::TileSet(std::string_view script, const std::string& origin) {
  constexpr std::size_t kMostBytes = 4u << 20;
  if (script.size() > kMostBytes)
    throw Error(fmt::format("{}: the script is larger than {} bytes", origin, kMostBytes),
                "fetch it again");
  const auto names = exported(script);
  if (names.empty()) throw Error(fmt::format("{}: it exports nothing", origin), "fetch it again");
  constexpr std::string_view kStart = R"("url('data:image/svg+xml,)";
  for (std::size_t at = 0; (at = script.find(kStart, at)) != script.npos;) {
    // NAME=(…)=>"url('data:…#".concat(colour,"…").concat(opacity,"…')")
    auto name_end = script.substr(0, at).rfind("=(");
    auto name_start = name_end == script.npos ? 0 : name_end;
    while (name_start > 0 && is_name(script[name_start - 1])) --name_start;
    at += kStart.size();
    const auto before = up_to(script, at, "\".concat(");
    up_to(script, at, ",\"");
    const auto between = up_to(script, at, "\").concat(");
    up_to(script, at, ",\"");
    const auto after = up_to(script, at, "')\"");
    if (name_end == script.npos || after.empty()) continue;
    const auto found = names.find(std::string(script.substr(name_start, name_end - name_start)));
    if (found == names.end()) continue;
    svgs_.emplace(found->second, percent_decoded(before) + "000000" + percent_decoded(between) +
                                     "1" + percent_decoded(after));
  }
}

Image TileSet::patch(const std::string& name, int size_px, const std::string& origin) const {
  constexpr double kPatch = 160, kLeast = 1, kMost = 2000;
  const auto found = svgs_.find(name);
  if (found == svgs_.end())
    throw Error(fmt::format("{}: no tile {}", origin, name), "this picture is left out");
  const auto& svg = found->second;
  const auto root = std::string_view(svg).substr(0, svg.find('>'));
  const double width = length(root, "width"), height = length(root, "height");
  if (!(width >= kLeast && height >= kLeast && width <= kMost && height <= kMost))
    throw Error(fmt::format("{}: the tile says no size", origin), "this picture is left out");
  const int across = std::max(1, static_cast<int>(std::lround(kPatch / width))),
            down = std::max(1, static_cast<int>(std::lround(kPatch / height)));
  const double scale = size_px / std::max(across * width, down * height);
  const int tile_width = std::max(1, static_cast<int>(std::lround(width * scale))),
            tile_height = std::max(1, static_cast<int>(std::lround(height * scale)));
  // Whole pixels, so that no edge is blurred: the tile is stretched to them.
  const auto stretched = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" viewBox="0 0 {} {}" )"
      R"(preserveAspectRatio="none">{}</svg>)",
      tile_width, tile_height, width, height, svg);
  const auto tile = rasterise_svg(stretched, std::max(tile_width, tile_height), origin);
  constexpr std::uint8_t kNothing[] = {0, 0, 0, 0};
  auto patch = filled_image(across * tile.width, down * tile.height, kNothing);
  for (int y = 0; y < down; ++y)
    for (int x = 0; x < across; ++x) paste(patch, tile, x * tile.width, y * tile.height);
  return patch;
}

std::vector<Row> tile_rows(const Source& source, const fs::path& folder) {
  const TileSet tiles(read_text_file(folder / kModule), (folder / kModule).string());
  std::vector<Row> rows;
  for (const auto& [key, name] : kNames) {
    if (!tiles.svgs().contains(key)) continue;
    Row row;
    row.id = fmt::format("{}/{}", source.id, key);
    row.source = source.id, row.package = source.package, row.version = source.version;
    row.file = kModule, row.item = key;
    row.name = name;
    row.group = "tile";
    row.style = source.style, row.licence = source.licence, row.author = source.author;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sumi
