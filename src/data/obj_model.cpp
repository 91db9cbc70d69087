#include "data/obj_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "core/error.h"

namespace sumi {
namespace {

constexpr std::string_view kBlank = " \t\r\f\v";

/// The lines of a model or material file, each as a keyword and what follows it.
class Lines {
 public:
  Lines(std::string_view text, const std::string& origin, const ObjLimits& limits)
      : text_(text), origin_(origin), limits_(limits) {
    if (text.size() > limits.bytes) fail(fmt::format("larger than {} bytes", limits.bytes));
  }

  /// Moves to the next line that says something; false at the end.
  bool next() {
    while (start_ < text_.size()) {
      const auto end = std::min(text_.find('\n', start_), text_.size());
      rest_ = text_.substr(start_, end - start_);
      start_ = end + 1;
      ++line_;
      if (rest_.size() > limits_.line_bytes) fail("the line is too long");
      keyword_ = word();
      if (!keyword_.empty() && keyword_.front() != '#') return true;
    }
    return false;
  }

  std::string_view keyword() const { return keyword_; }

  /// The next word of the line; empty at its end.
  std::string_view word() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
    const auto end = std::min(rest_.find_first_of(kBlank), rest_.size());
    const auto result = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return result;
  }

  /// What is left of the line, without blanks at its ends.
  std::string rest() const {
    const auto first = rest_.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return "";
    return std::string(rest_.substr(first, rest_.find_last_not_of(kBlank) + 1 - first));
  }

  float number(std::string_view word) const {
    if (word.starts_with('+')) word.remove_prefix(1);
    float value = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
    // Beyond float's range: too near zero to matter, or too large to be meant.
    if (problem == std::errc::result_out_of_range && word.find("e-") != word.npos) return 0;
    if (problem != std::errc() || end != word.data() + word.size() || !std::isfinite(value))
      fail(fmt::format("\"{}\" is not a number", word.substr(0, 40)));
    return value;
  }
  float number() { return number(word()); }

  [[noreturn]] void fail(const std::string& what) const { fail(line_, what); }
  [[noreturn]] void fail(std::size_t line, const std::string& what) const {
    throw Error(fmt::format("{}: line {}: {}", origin_, line, what), "this model is left out");
  }
  std::size_t line() const { return line_; }

 private:
  std::string_view text_, rest_, keyword_;
  const std::string& origin_;
  const ObjLimits& limits_;
  std::size_t start_ = 0;
  std::size_t line_ = 0;
};

template <std::size_t kCount>
std::array<float, kCount> numbers(Lines& lines) {
  std::array<float, kCount> result{};
  for (auto& value : result) value = lines.number();
  return result;
}

class ObjReader {
 public:
  ObjReader(std::string_view text, const std::string& origin, const ObjLimits& limits)
      : lines_(text, origin, limits), limits_(limits) {}

  ObjModel read() {
    while (lines_.next()) {
      const auto keyword = lines_.keyword();
      if (keyword == "v") {
        add(model_.positions, numbers<3>(lines_));
      } else if (keyword == "vn") {
        add(model_.normals, numbers<3>(lines_));
      } else if (keyword == "vt") {
        const float u = lines_.number();
        const auto v = lines_.word();
        add(model_.texture_points, {u, v.empty() ? 0 : lines_.number(v)});
      } else if (keyword == "f" || keyword == "fo") {
        read_face();
      } else if (keyword == "usemtl") {
        material_ = material_named(lines_.rest());
      } else if (keyword == "mtllib") {
        if (model_.libraries.size() >= limits_.names) lines_.fail("too many material libraries");
        model_.libraries.push_back(lines_.rest());
      }
    }
    require_within(largest_position_, model_.positions.size());
    require_within(largest_texture_point_, model_.texture_points.size());
    require_within(largest_normal_, model_.normals.size());
    return std::move(model_);
  }

 private:
  /// The largest index that faces name, which may come before its entry does.
  struct Largest {
    std::int32_t index = -1;
    std::size_t line = 0;
  };

  void require_within(const Largest& largest, std::size_t count) const {
    if (largest.index >= static_cast<std::int64_t>(count))
      lines_.fail(largest.line,
                  fmt::format("entry {} is named, and there are {}", largest.index + 1, count));
  }

  template <class Value>
  void add(std::vector<Value>& list, const Value& value) {
    if (list.size() >= limits_.vertices) lines_.fail("too many vertices");
    list.push_back(value);
  }

  /// Indices count from 1, or backwards from the last entry as -1.
  std::int32_t index(std::string_view text, std::size_t count, Largest& largest) const {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto size = static_cast<std::int64_t>(count);
    if (problem != std::errc() || end != text.data() + text.size() || value == 0 ||
        value > static_cast<std::int64_t>(limits_.vertices) || value < -size)
      lines_.fail(fmt::format("\"{}\" is not one of {} entries", text.substr(0, 40), count));
    const auto result = static_cast<std::int32_t>(value > 0 ? value - 1 : size + value);
    if (result > largest.index) largest = {result, lines_.line()};
    return result;
  }

  /// "7", "7/3", "7//2" or "7/3/2".
  ObjCorner corner(std::string_view text) {
    const auto part = [&] {
      const auto slash = std::min(text.find('/'), text.size());
      const auto result = text.substr(0, slash);
      text.remove_prefix(std::min(slash + 1, text.size()));
      return result;
    };
    ObjCorner result;
    result.position = index(part(), model_.positions.size(), largest_position_);
    if (const auto place = part(); !place.empty())
      result.texture_point = index(place, model_.texture_points.size(), largest_texture_point_);
    if (const auto normal = part(); !normal.empty())
      result.normal = index(normal, model_.normals.size(), largest_normal_);
    return result;
  }

  void read_face() {
    ObjFace face{static_cast<std::uint32_t>(model_.corners.size()), 0, material_};
    for (auto text = lines_.word(); !text.empty(); text = lines_.word()) {
      if (++face.count > limits_.face_corners || model_.corners.size() >= limits_.corners)
        lines_.fail("too many corners");
      model_.corners.push_back(corner(text));
    }
    // Points and lines are written as faces here and there: nothing to see.
    if (face.count < 3)
      model_.corners.resize(face.first);
    else
      model_.faces.push_back(face);
  }

  std::int32_t material_named(const std::string& name) {
    const auto [entry, fresh] =
        materials_.try_emplace(name, static_cast<std::int32_t>(materials_.size()));
    if (fresh) {
      if (model_.material_names.size() >= limits_.names) lines_.fail("too many materials");
      model_.material_names.push_back(name);
    }
    return entry->second;
  }

  Lines lines_;
  const ObjLimits& limits_;
  ObjModel model_;
  std::map<std::string, std::int32_t> materials_;
  std::int32_t material_ = -1;
  Largest largest_position_, largest_texture_point_, largest_normal_;
};

std::array<float, 3> colour(Lines& lines) {
  auto rgb = numbers<3>(lines);
  for (auto& channel : rgb) channel = std::clamp(channel, 0.0f, 1.0f);
  return rgb;
}

/// A texture's name; options before it ("-s 1 1 1 wood.jpg") are passed over.
std::string texture_name(const Lines& lines) {
  const auto rest = lines.rest();
  return rest.starts_with('-') ? rest.substr(rest.find_last_of(" \t") + 1) : rest;
}

}  // namespace

ObjModel parse_obj(std::string_view text, const std::string& origin, const ObjLimits& limits) {
  return ObjReader(text, origin, limits).read();
}

std::vector<ObjMaterial> parse_mtl(std::string_view text, const std::string& origin,
                                   const ObjLimits& limits) {
  constexpr float kMirror = 1000;
  Lines lines(text, origin, limits);
  std::vector<ObjMaterial> materials;
  while (lines.next()) {
    const auto keyword = lines.keyword();
    if (keyword == "newmtl") {
      if (materials.size() >= limits.names) lines.fail("too many materials");
      materials.emplace_back().name = lines.rest();
    }
    if (materials.empty()) continue;
    auto& material = materials.back();
    if (keyword == "Kd") material.diffuse = colour(lines);
    if (keyword == "Ks") material.specular = colour(lines);
    if (keyword == "Ns") material.shininess = std::clamp(lines.number(), 0.0f, kMirror);
    if (keyword == "d") material.opacity = std::clamp(lines.number(), 0.0f, 1.0f);
    if (keyword == "Tr") material.opacity = 1 - std::clamp(lines.number(), 0.0f, 1.0f);
    if (keyword == "map_Kd") material.diffuse_map = texture_name(lines);
  }
  return materials;
}

}  // namespace sumi
