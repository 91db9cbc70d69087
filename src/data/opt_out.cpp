#include "data/opt_out.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace sumi {
namespace {

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

/// `word` with no letter or digit on either side.
bool has_word(std::string_view text, std::string_view word) {
  const auto joined = [&](std::size_t at) {
    return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
  };
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1))
    if (!(at > 0 && joined(at - 1)) && !joined(at + word.size())) return true;
  return false;
}

/// A key or element of that name whose next sign is 1: tdm-reservation="1", <tdm:reservation>1<.
bool reserves(std::string_view text) {
  for (const std::string_view name : {"tdm-reservation", "tdm:reservation"}) {
    auto at = text.find(name);
    if (at == text.npos) continue;
    at = text.find_first_not_of(" \t\r\n=:\"'>", at + name.size());
    if (at != text.npos && text[at] == '1') return true;
  }
  return false;
}

bool is_yes(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0;
  if (!value.is_string()) return false;
  const auto word = lowered(value.get<std::string>());
  return word == "1" || word == "true" || word == "yes";
}

}  // namespace

bool says_no_ai(std::string_view text) {
  const auto lower = lowered(text);
  return has_word(lower, "noai") || has_word(lower, "noimageai") ||
         lower.find("dmi-prohibited") != lower.npos || reserves(lower);
}

bool says_no_ai(const ImageMetadata& metadata) {
  return std::any_of(metadata.fields.begin(), metadata.fields.end(), [](const auto& field) {
    return says_no_ai(field.first + "=" + field.second);
  });
}

bool record_says_no_ai(const Json& record) {
  for (const auto& [key, value] : record.items()) {
    const auto name = lowered(key);
    if ((name == "noai" || name == "no_ai" || name == "opt_out") && is_yes(value)) return true;
    if (value.is_string() && says_no_ai(value.get<std::string>())) return true;
    if (value.is_array())
      for (const auto& item : value)
        if (item.is_string() && says_no_ai(item.get<std::string>())) return true;
  }
  return false;
}

}  // namespace sumi
