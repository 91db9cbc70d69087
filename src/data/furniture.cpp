#include "data/furniture.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numbers>

#include "core/error.h"
#include "data/mesh_render.h"
#include "data/words.h"
#include "media/resize.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr const char* kProperties = "PluginFurnitureCatalog.properties";

/// From where models are drawn, and how people say so where they would.
struct Side {
  double azimuth_deg, elevation_deg;
  const char* words;
};
constexpr Side kSides[] = {{0, 9, "from the front"},
                           {28, 16, ""},
                           {-28, 16, ""},
                           {45, 22, ""},
                           {-45, 22, ""},
                           {62, 14, ""},
                           {-62, 14, ""},
                           {90, 9, "from the side"},
                           {-90, 9, "from the side"},
                           {152, 18, "from behind"},
                           {32, 56, "from above"},
                           {-32, 56, "from above"}};

/// Names that are brands, slips or French, as people say them.
struct Renamed {
  std::string_view name;
  const char* plain;
};
constexpr Renamed kRenamed[] = {{"male", "man"},
                                {"female", "woman"},
                                {"sitting male", "sitting man"},
                                {"sitting female", "sitting woman"},
                                {"lying down male", "man lying down"},
                                {"lying down female", "woman lying down"},
                                {"lying down boy", "boy lying down"},
                                {"holding male", "man"},
                                {"holding female", "woman"},
                                {"mannequin male", "mannequin"},
                                {"mannequin female", "mannequin"},
                                {"apple ibook", "laptop"},
                                {"apple imac 1998", "computer"},
                                {"apple imac 2004", "computer"},
                                {"apple iphone", "mobile phone"},
                                {"playstation", "game console"},
                                {"chevrolet", "car"},
                                {"concept sedan 01", "sedan"},
                                {"concept sedan 02", "sedan"},
                                {"concept sedan 02 sport", "sports car"},
                                {"ford focus", "car"},
                                {"peugeot 308 cc", "car"},
                                {"renault scenic", "car"},
                                {"seat leon", "car"},
                                {"smart car", "small car"},
                                {"vw new beetle", "car"},
                                {"yamaha yzr r6", "motorbike"},
                                {"rubik's cube", "puzzle cube"},
                                {"bike", "bicycle"},
                                {"trunck", "trunk"},
                                {"hashtray", "ashtray"},
                                {"puff", "pouf"},
                                {"barnum", "party tent"},
                                {"flipper", "pinball machine"},
                                {"flacon", "perfume bottle"},
                                {"toilets unit", "toilet"},
                                {"teck chair", "teak chair"},
                                {"gaz water heater", "gas water heater"},
                                {"short", "shorts"},
                                {"woman shoes", "women's shoes"},
                                {"mocassin", "moccasins"},
                                {"lip stick", "lipstick"},
                                {"letters box", "mailbox"},
                                {"clear sofa", "sofa"},
                                {"tv", "television"},
                                {"tv 16:9", "television"},
                                {"tv stand", "television stand"},
                                {"tv remote control", "remote control"},
                                {"wall flat tv", "flat television"},
                                {"frame chambord", "picture frame"},
                                {"sofa 2 seats", "sofa with two seats"},
                                {"sofa 3 seats", "sofa with three seats"},
                                {"winchester sofa", "leather sofa"},
                                {"winchester armchair", "leather armchair"},
                                {"convertible sofa bz", "sofa bed"},
                                {"opened convertible sofa bz", "open sofa bed"},
                                {"bended coconut tree", "bent coconut tree"},
                                {"wood bank", "wooden bench"},
                                {"little bank", "small bench"},
                                {"mini stereo", "stereo"},
                                {"white board", "whiteboard"},
                                {"wire coathanger", "coat hanger"},
                                {"suv", "SUV"},
                                {"cctv", "security camera"},
                                {"dvd player", "DVD player"},
                                {"mp3 base", "speaker dock"},
                                {"mp3 station", "speaker dock"},
                                {"dart game", "dartboard"},
                                {"osaka chair", "chair"},
                                {"ryokan chair", "legless chair"},
                                {"children game", "climbing frame"},
                                {"class seat", "classroom seat"},
                                {"punching ball", "punching bag"},
                                {"cup cake", "cupcake"},
                                {"frame h\xc3\xb4i an", "picture frame"},
                                {"clothes washing machine", "washing machine"},
                                {"coffee brewer", "coffee maker"},
                                {"chandelier lamp", "chandelier"},
                                {"drawers cabinet", "chest of drawers"},
                                {"dryer machine", "dryer"},
                                {"electronic scale", "scale"},
                                {"extinguisher", "fire extinguisher"},
                                {"fork lift", "forklift"},
                                {"hood", "range hood"},
                                {"induction cooker 2 zones", "induction cooker"},
                                {"induction cooker 4 zones", "induction cooker"},
                                {"rigged fan", "hand fan"},
                                {"park trashcan", "trash can"},
                                {"residential trashcan", "trash can"},
                                {"bullet trash can", "trash can"},
                                {"penbox", "pencil holder"},
                                {"text marker", "highlighter"},
                                {"wood toy", "wooden toy"},
                                {"wooden teak table", "teak table"},
                                {"oil servers", "oil bottles"},
                                {"squeezer", "juicer"},
                                {"mower", "lawn mower"},
                                {"technical table", "drafting table"},
                                {"small lavatory", "small sink"},
                                {"spice tower", "spice rack"},
                                {"island", "kitchen island"},
                                {"island extension", "kitchen island"},
                                {"pool lounge", "lounge chair"},
                                {"relax chair", "lounge chair"},
                                {"air conditioning - external unit", "air conditioner"},
                                {"air conditioning - internal unit", "air conditioner"},
                                {"table tennis", "ping pong table"},
                                {"table tennis bat", "ping pong paddle"},
                                {"double french window 3 panes", "double French window"},
                                {"double french window small panes", "double French window"},
                                {"quadruple french window", "quadruple French window"},
                                {"quadruple french window 3 panes", "quadruple French window"},
                                {"quadruple french window small panes", "quadruple French window"},
                                {"triple french window", "triple French window"},
                                {"double window 3 panes", "double window"},
                                {"double window 4 panes", "double window"}};

/// For names that differ by letters and shapes few would type.
constexpr Renamed kKinds[] = {{"antenna plug", "antenna socket"},
                              {"rj45 plug", "network socket"},
                              {" plug", "power socket"},
                              {"wall double socket", "power socket"},
                              {"wall socket", "power socket"},
                              {"dimmer switch", "dimmer switch"},
                              {" switch", "light switch"},
                              {"parking slot", "parking slot"},
                              {"bill ", "banknote"}};

std::string utf8(std::uint32_t code) {
  std::string text;
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 63));
  } else {
    text += static_cast<char>(0xe0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 63));
    text += static_cast<char>(0x80 | (code & 63));
  }
  return text;
}

/// A property's value as UTF-8: Latin-1 with \uXXXX escapes; halves of surrogate pairs are dropped.
std::string unescaped(std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::uint32_t code = static_cast<unsigned char>(value[i]);
    if (code == '\\' && i + 1 < value.size()) {
      code = static_cast<unsigned char>(value[++i]);
      if (code == 'u' && value.size() - i > 4) {
        std::from_chars(value.data() + i + 1, value.data() + i + 5, code, 16);
        i += 4;
      }
    }
    if (code < 0xd800 || code > 0xdfff) text += utf8(code);
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == text.npos) return "";
  return text.substr(first, text.find_last_not_of(kBlank) + 1 - first);
}

float number(std::string_view text) {
  float value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr float kMost = 1e5f;
  return problem == std::errc() && std::abs(value) < kMost ? value : 0;
}

/// Nine numbers of a matrix that turns or mirrors, and nothing else; nothing where they are not.
std::optional<std::array<float, 9>> rotation_of(std::string_view text) {
  std::array<float, 9> matrix{};
  for (auto& entry : matrix) {
    text = trimmed(text);
    const auto end = std::min(text.find(' '), text.size());
    entry = number(text.substr(0, end));
    text.remove_prefix(end);
  }
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      float product = 0;
      for (std::size_t k = 0; k < 3; ++k) product += matrix[3 * i + k] * matrix[3 * j + k];
      if (std::abs(product - (i == j ? 1.0f : 0.0f)) > 0.01f) return std::nullopt;
    }
  return matrix;
}

std::vector<std::string> tags_of(const std::string& text) {
  std::vector<std::string> tags;
  std::string_view left = text;
  while (!left.empty()) {
    const auto comma = std::min(left.find(','), left.size());
    auto tag = plain_name(trimmed(left.substr(0, comma)));
    left.remove_prefix(std::min(comma + 1, left.size()));
    const bool is_word = tag.size() > 2 && std::all_of(tag.begin(), tag.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || c == ' ' || c == '-';
                         });
    if (is_word && tag != "blend swap" && tags.size() < 8) tags.push_back(std::move(tag));
  }
  return tags;
}

void set_field(FurniturePiece& piece, std::string_view key, const std::string& value) {
  if (key == "id") piece.id = value;
  if (key == "name") piece.name = value;
  if (key == "category") piece.category = value;
  if (key == "creator") piece.creator = value;
  if (key == "model") piece.model = value.starts_with('/') ? value.substr(1) : value;
  if (key == "tags") piece.tags = tags_of(value);
  if (key == "width") piece.size_cm.x = number(value);
  if (key == "height") piece.size_cm.y = number(value);
  if (key == "depth") piece.size_cm.z = number(value);
  if (key == "elevation") piece.elevation_cm = number(value);
  if (key == "modelRotation")
    if (const auto matrix = rotation_of(value)) piece.rotation = *matrix;
}

std::string spdx_of(const std::string& licence) {
  if (licence == "Public domain") return "CC0-1.0";
  if (licence.starts_with("Creative Commons Attribution 3.0 United States")) return "CC-BY-3.0-US";
  if (licence.starts_with("Creative Commons Attribution 3.0")) return "CC-BY-3.0";
  return "";
}

std::string name_of(const FurniturePiece& piece) {
  const auto name = plain_name(piece.name);
  for (const auto& [known, plain] : kRenamed)
    if (name == known) return plain;
  for (const auto& [part, plain] : kKinds)
    if (name.find(part) != name.npos) return plain;
  return name;
}

std::string group_of(const FurniturePiece& piece) {
  constexpr float kSmall_cm = 35;
  struct Grouped {
    std::string_view category;
    const char* group;
  };
  static constexpr Grouped kGroups[] = {{"Exterior", "outdoors"},
                                        {"Vehicles", "vehicles"},
                                        {"Characters", "figures"},
                                        {"Doors and windows", "doors and windows"},
                                        {"Staircases", "stairs"}};
  for (const auto& [category, group] : kGroups)
    if (piece.category == category) return group;
  if (piece.elevation_cm > 0) return "fixtures";
  const auto& size = piece.size_cm;
  return std::max({size.x, size.y, size.z}) < kSmall_cm ? "objects" : "furniture";
}

/// Plugs and switches are many and much alike; marks on roads are flat.
double weight_of(const std::string& name) {
  constexpr double kDull = 0.15;
  for (const char* word : {"switch", "socket", "parking slot", "pedestrian crossing", "arrow ",
                           "sidewalk", "smoke detector"})
    if (name.find(word) != name.npos) return kDull;
  return 1;
}

/// How much of a piece's box is seen from a side, in square centimetres.
double seen_area(const FurniturePiece& piece, const Side& side) {
  const auto& [width, height, depth] = piece.size_cm;
  const double turn = side.azimuth_deg * std::numbers::pi / 180;
  const double rise = side.elevation_deg * std::numbers::pi / 180;
  return height * std::cos(rise) *
             (width * std::abs(std::cos(turn)) + depth * std::abs(std::sin(turn))) +
         width * depth * std::sin(rise);
}

/// Sides from which not only an edge is seen.
std::vector<std::size_t> sides_of(const FurniturePiece& piece) {
  constexpr double kWorthwhile = 0.4;
  double most = 0;
  for (const auto& side : kSides) most = std::max(most, seen_area(piece, side));
  std::vector<std::size_t> sides;
  for (std::size_t i = 0; i < std::size(kSides); ++i)
    if (seen_area(piece, kSides[i]) >= kWorthwhile * most) sides.push_back(i);
  return sides;
}

ZipArchive opened(const MappedFile& file) { return {file.bytes(), file.path().string()}; }

FurnitureCatalogue catalogue_of(const ZipArchive& archive, const std::string& origin) {
  return read_furniture_catalogue(archive.read(kProperties), origin);
}

void add_rows(const Source& source, const fs::path& folder, const fs::path& file,
              std::vector<Row>& rows) {
  const MappedFile mapped(file);
  const auto archive = opened(mapped);
  const auto catalogue = catalogue_of(archive, file.string());
  if (catalogue.licence.empty()) return;
  for (const auto& piece : catalogue.pieces) {
    if (!archive.contains(piece.model)) continue;
    Row row;
    row.source = source.id, row.package = source.package, row.version = source.version;
    row.style = source.style, row.licence = catalogue.licence;
    row.author = piece.creator.empty() ? source.author : piece.creator;
    row.file = file.lexically_relative(folder).string();
    row.name = name_of(piece);
    row.tags = piece.tags;
    std::erase(row.tags, row.name);
    row.group = group_of(piece), row.subgroup = plain_name(piece.category);
    const auto sides = sides_of(piece);
    row.weight = weight_of(row.name) / static_cast<double>(sides.size());
    for (const auto side : sides) {
      row.id = fmt::format("{}/{}@{}", source.id, piece.id, side);
      row.item = fmt::format("{}@{}", piece.id, side);
      row.view = kSides[side].words;
      rows.push_back(row);
    }
  }
}

/// A member's name from a folder and what a file says lies in it; only the last part of a path of
/// another machine counts.
std::string beside(const std::string& folder, const std::string& name) {
  const auto slash = name.find_last_of("/\\");
  return folder + (slash == name.npos ? name : name.substr(slash + 1));
}

}  // namespace

FurnitureCatalogue read_furniture_catalogue(std::string_view properties,
                                            const std::string& origin) {
  constexpr std::size_t kMostBytes = 8u << 20;
  if (properties.size() > kMostBytes)
    throw Error(fmt::format("{}: the catalogue is larger than {} bytes", origin, kMostBytes),
                "fetch it again");
  FurnitureCatalogue catalogue;
  std::map<int, FurniturePiece> pieces;
  while (!properties.empty()) {
    const auto end = std::min(properties.find('\n'), properties.size());
    const auto line = trimmed(properties.substr(0, end));
    properties.remove_prefix(std::min(end + 1, properties.size()));
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == line.npos) continue;
    const auto key = trimmed(line.substr(0, equals));
    const auto value = unescaped(trimmed(line.substr(equals + 1)));
    const auto hash = key.find('#');
    if (hash == key.npos) {
      if (key == "license") catalogue.licence = spdx_of(value);
      continue;
    }
    int number_of_piece = 0;
    const auto digits = key.substr(hash + 1);
    const auto [stop, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number_of_piece);
    if (problem == std::errc()) set_field(pieces[number_of_piece], key.substr(0, hash), value);
  }
  for (auto& [place, piece] : pieces)
    if (!piece.id.empty() && !piece.name.empty() && !piece.model.empty())
      catalogue.pieces.push_back(std::move(piece));
  return catalogue;
}

std::vector<Row> furniture_rows(const Source& source, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".sh3f") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Row> rows;
  for (const auto& file : files) add_rows(source, folder, file, rows);
  return rows;
}

bool stands_on_floor(const Row& row) {
  return row.group != "fixtures" && row.group != "doors and windows" && row.view != "from above";
}

FurnitureDrawer::FurnitureDrawer(const fs::path& archive)
    : file_(archive),
      archive_(opened(file_)),
      catalogue_(catalogue_of(archive_, archive.string())) {}

Mesh FurnitureDrawer::load(const FurniturePiece& piece) const {
  const auto folder = piece.model.substr(0, piece.model.find_last_of('/') + 1);
  const auto model = parse_obj(archive_.read(piece.model), piece.model);
  std::vector<ObjMaterial> materials;
  for (const auto& library : model.libraries)
    if (const auto name = beside(folder, library); archive_.contains(name))
      for (auto& material : parse_mtl(archive_.read(name), name))
        materials.push_back(std::move(material));
  std::map<std::string, std::shared_ptr<const Texture>> textures;
  const auto texture_of = [&](const std::string& said) {
    constexpr int kMost_px = 1024;
    constexpr DecodeLimits kLimits{.max_pixels = 16u << 20};
    const auto name = beside(folder, said);
    const auto [entry, fresh] = textures.try_emplace(name);
    if (!fresh || !archive_.contains(name)) return entry->second;
    try {
      const auto bytes = archive_.read(name);
      auto picture = decode_image(std::as_bytes(std::span(bytes)), name, kLimits);
      if (std::max(picture.width, picture.height) > kMost_px)
        picture = resize_to_fit(picture, kMost_px, kMost_px, Filter::box);
      entry->second = std::make_shared<const Texture>(picture);
    } catch (const Error&) {
      // The plain colour stays.
    }
    return entry->second;
  };
  auto mesh = make_mesh(model, materials, texture_of, piece.model);
  turn_and_stretch(mesh, piece.rotation, piece.size_cm);
  return mesh;
}

Image FurnitureDrawer::draw(const std::string& item, int size_px, const std::string& origin) {
  const auto mark = std::min(item.find_last_of('@'), item.size());
  const auto id = item.substr(0, mark);
  std::size_t side = std::size(kSides);
  const auto digits = std::string_view(item).substr(std::min(mark + 1, item.size()));
  std::from_chars(digits.data(), digits.data() + digits.size(), side);
  const auto piece =
      std::find_if(catalogue_.pieces.begin(), catalogue_.pieces.end(),
                   [&](const FurniturePiece& candidate) { return candidate.id == id; });
  if (side >= std::size(kSides) || piece == catalogue_.pieces.end())
    throw Error(fmt::format("{}: no model {}", origin, item), "this picture is left out");
  if (id != loaded_ || !mesh_) {
    mesh_.reset();
    mesh_ = load(*piece);
    loaded_ = id;
  }
  RenderOptions options;
  options.camera.azimuth_deg = kSides[side].azimuth_deg;
  options.camera.elevation_deg = kSides[side].elevation_deg;
  return render_mesh(*mesh_, size_px, options, origin);
}

}  // namespace sumi
