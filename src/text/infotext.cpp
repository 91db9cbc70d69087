#include "text/infotext.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/json.h"
#include "text/unicode.h"

namespace sumi {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kNegative = "Negative prompt:";
constexpr std::string_view kExactPrompt = "Prompt text";
constexpr std::string_view kExactNegative = "Negative prompt text";
constexpr std::string_view kExactMark = "Text format";  // makes three, whatever else there is
constexpr std::size_t kFewestParameters = 3;  // fewer, and A1111 takes the line for prompt

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Letters and digits of any script and "_"; bytes of multi-byte characters count as letters.
bool is_key_start(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_key_character(char c) { return is_key_start(c) || c == ' ' || c == '-' || c == '/'; }

std::string json_quoted(std::string_view text) { return Json(text).dump(); }

std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  const auto json = Json::parse(text, nullptr, false);
  return json.is_string() ? json.get<std::string>() : std::string(text);
}

bool needs_quotes(std::string_view value) {
  if (value.empty() || trim(value).size() != value.size()) return true;
  if (std::string_view("\"[{").find(value.front()) != std::string_view::npos) return true;
  return std::any_of(value.begin(), value.end(), [](char c) {
    return c == ',' || c == ':' || static_cast<unsigned char>(c) < 0x20;
  });
}

class ParameterReader {
 public:
  explicit ParameterReader(std::string_view line) : line_(line) {}

  Parameters read();

 private:
  bool read_key(std::string& key);
  std::string read_value();
  bool ends_value(std::size_t at) const { return at >= line_.size() || line_[at] == ','; }
  std::size_t quoted_end() const;
  std::size_t json_end();

  std::string_view line_;
  std::size_t at_ = 0;
  bool json_is_hopeless_ =
      false;  // a long look found no list or object: do not look again, or time is squared
};

/// The next "key:"; moves behind its colon.
bool ParameterReader::read_key(std::string& key) {
  while (at_ < line_.size()) {
    if (!is_key_start(line_[at_])) {
      ++at_;
      continue;
    }
    std::size_t end = at_;
    while (end < line_.size() && is_key_character(line_[end])) ++end;
    if (end < line_.size() && line_[end] == ':' && end - at_ >= 2) {
      key = std::string(line_.substr(at_, end - at_));
      at_ = end + 1;
      return true;
    }
    at_ = end;
  }
  return false;
}

/// Behind a text in double quotes at the place being read; 0 when it does not end there.
std::size_t ParameterReader::quoted_end() const {
  for (std::size_t i = at_ + 1; i < line_.size(); ++i) {
    if (line_[i] == '\\') {
      ++i;
    } else if (line_[i] == '"') {
      return ends_value(i + 1) ? i + 1 : 0;
    }
  }
  return 0;
}

/// Behind a JSON list or object at the place being read; 0 when there is none.
std::size_t ParameterReader::json_end() {
  constexpr std::size_t kFarAway = 4096;
  if (json_is_hopeless_) return 0;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = at_; i < line_.size(); ++i) {
    const char c = line_[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
      continue;
    }
    if (c == '"') in_text = true;
    if (c == '[' || c == '{') ++depth;
    if ((c != ']' && c != '}') || --depth > 0) continue;
    if (ends_value(i + 1)) return i + 1;
    json_is_hopeless_ = i - at_ > kFarAway;
    return 0;
  }
  json_is_hopeless_ = true;
  return 0;
}

std::string ParameterReader::read_value() {
  while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
  std::size_t end = 0;
  if (at_ < line_.size() && line_[at_] == '"') end = quoted_end();
  if (at_ < line_.size() && (line_[at_] == '[' || line_[at_] == '{')) end = json_end();
  if (end == 0) end = std::min(line_.find(',', at_), line_.size());
  const auto value = line_.substr(at_, end - at_);
  at_ = end + 1;
  return unquoted(trim(value));
}

Parameters ParameterReader::read() {
  Parameters out;
  std::string key;
  while (at_ < line_.size() && read_key(key)) out.emplace_back(key, read_value());
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// Takes the parameters' line, and what follows it, off `lines`.
Parameters take_parameters(std::vector<std::string_view>& lines) {
  if (auto last = ParameterReader(lines.back()).read(); last.size() >= kFewestParameters) {
    lines.pop_back();
    return last;
  }
  for (std::size_t i = lines.size(); i-- > 0;) {
    if (!trim(lines[i]).starts_with("Steps:")) continue;
    auto parameters = ParameterReader(lines[i]).read();
    if (parameters.size() < kFewestParameters) continue;
    // Lines that extensions add behind: "Template: a text with: anything, in it".
    for (std::size_t k = i + 1; k < lines.size(); ++k) {
      const auto line = trim(lines[k]);
      const auto colon = line.find(':');
      if (colon != line.npos && colon >= 2 &&
          std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon),
                      is_key_character)) {
        parameters.emplace_back(line.substr(0, colon), unquoted(trim(line.substr(colon + 1))));
      } else if (!line.empty()) {
        parameters.back().second.append(1, '\n').append(line);
      }
    }
    lines.resize(i);
    return parameters;
  }
  return {};
}

void append_line(std::string& text, bool& is_first, std::string_view line) {
  if (!is_first) text += '\n';
  is_first = false;
  text += line;
}

/// The exact texts that write_infotext keeps beside the format, taken out of the parameters.
void take_exact(Infotext& infotext) {
  const auto take = [&](std::string_view key, std::string& target) {
    const auto found = std::find_if(infotext.parameters.begin(), infotext.parameters.end(),
                                    [&](const auto& entry) { return entry.first == key; });
    if (found == infotext.parameters.end()) return;
    target = found->second;
    infotext.parameters.erase(found);
  };
  std::string mark;
  take(kExactMark, mark);
  take(kExactPrompt, infotext.prompt);
  take(kExactNegative, infotext.negative_prompt);
}

std::string write_line(const Parameters& parameters) {
  std::string line;
  for (const auto& [key, value] : parameters) {
    const bool valid = key.size() >= 2 && is_key_start(key.front()) && key.back() != ' ' &&
                       std::all_of(key.begin(), key.end(), is_key_character);
    if (!valid)
      throw Error(fmt::format("\"{}\" cannot be the name of a picture's parameter", key),
                  "use two or more letters, digits, spaces, -, / and _");
    line += (line.empty() ? "" : ", ") + key + ": " +
            (needs_quotes(value) ? json_quoted(value) : value);
  }
  return line;
}

std::string write_plainly(const Infotext& infotext) {
  std::string text = infotext.prompt;
  if (!infotext.negative_prompt.empty())
    text += "\n" + std::string(kNegative) + " " + infotext.negative_prompt;
  const auto line = write_line(infotext.parameters);
  if (!line.empty()) text += "\n" + line;
  return infotext.prompt.empty() ? std::string(trim(text)) : text;
}

}  // namespace

const std::string* Infotext::find(std::string_view key) const {
  for (const auto& [name, value] : parameters)
    if (name == key) return &value;
  return nullptr;
}

std::string write_infotext(const Infotext& infotext) {
  decode_utf8(infotext.prompt, "prompt");
  decode_utf8(infotext.negative_prompt, "negative prompt");
  for (const auto& [key, value] : infotext.parameters) {
    if (key == kExactMark || key == kExactPrompt || key == kExactNegative)
      throw Error(fmt::format("the parameter \"{}\" is written by Sumi itself", key),
                  "use another name");
    decode_utf8(key, "parameter");
    decode_utf8(value, key);
  }
  auto text = write_plainly(infotext);
  if (parse_infotext(text) == infotext) return text;
  auto exact = infotext;
  exact.parameters.emplace_back(kExactMark, "exact");
  exact.parameters.emplace_back(kExactPrompt, infotext.prompt);
  exact.parameters.emplace_back(kExactNegative, infotext.negative_prompt);
  return write_plainly(exact);
}

Infotext parse_infotext(std::string_view raw) {
  const auto valid = replace_invalid_utf8(raw);
  auto lines = split_lines(trim(valid));
  Infotext out;
  out.parameters = take_parameters(lines);
  bool in_negative = false, first_line = true, first_negative = true;
  for (auto line : lines) {
    line = trim(line);
    if (line.starts_with(kNegative)) {
      in_negative = true;
      line = trim(line.substr(kNegative.size()));
    }
    if (in_negative) {
      append_line(out.negative_prompt, first_negative, line);
    } else {
      append_line(out.prompt, first_line, line);
    }
  }
  take_exact(out);
  return out;
}

std::pair<int, int> parse_size(std::string_view text) {
  text = trim(text);
  const char* end = text.data() + text.size();
  int width = 0, height = 0;
  const auto first = std::from_chars(text.data(), end, width);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != 'x') return {0, 0};
  const auto second = std::from_chars(first.ptr + 1, end, height);
  if (second.ec != std::errc() || second.ptr != end || width < 1 || height < 1) return {0, 0};
  return {width, height};
}

}  // namespace sumi
