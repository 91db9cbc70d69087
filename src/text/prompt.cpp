#include "text/prompt.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <optional>

#include "core/error.h"
#include "text/unicode.h"

namespace sumi {
namespace {

bool is_word_character(char32_t c) {
  if (c < 0x80)
    return (c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') ||
           c == U'_';
  const auto kind = kind_of(c);
  return kind == CharacterKind::letter || kind == CharacterKind::number;
}

/// The next place where `word` stands by itself; npos when there is none.
std::size_t find_word(std::u32string_view text, std::u32string_view word, std::size_t from) {
  for (std::size_t at = from; (at = text.find(word, at)) != text.npos; ++at) {
    const std::size_t end = at + word.size();
    const bool free_before = at == 0 || !is_word_character(text[at - 1]);
    const bool free_behind = end == text.size() || !is_word_character(text[end]);
    if (free_before && free_behind) return at;
  }
  return text.npos;
}

std::u32string_view trim_right(std::u32string_view text) {
  while (!text.empty() && is_white_space(text.back())) text.remove_suffix(1);
  return text;
}

std::u32string_view trim(std::u32string_view text) {
  while (!text.empty() && is_white_space(text.front())) text.remove_prefix(1);
  return trim_right(text);
}

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

/// A whole text of digits with at most one point and an optional sign, e.g. "-.5", "3.", "10".
std::optional<double> read_decimal(std::u32string_view text) {
  std::string ascii;
  int digits = 0, points = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    const bool sign = i == 0 && (c == U'+' || c == U'-');
    digits += is_digit(c);
    points += c == U'.';
    if (!sign && !is_digit(c) && c != U'.') return std::nullopt;
    ascii.push_back(static_cast<char>(c));
  }
  if (digits == 0 || points > 1) return std::nullopt;
  return std::strtod(ascii.c_str(), nullptr);
}

double finite(double weight) {
  if (!std::isfinite(weight))
    throw Error("prompt: a weight is too large", "weights are numbers such as 1.3");
  return weight;
}

/// Takes `<kind:…>` out of the text.
std::u32string take_networks(std::u32string_view text, std::vector<NetworkTag>& networks) {
  std::u32string out;
  out.reserve(text.size());
  std::size_t last_close = text.rfind(U'>');
  for (std::size_t i = 0; i < text.size();) {
    std::size_t colon = i + 1;
    if (text[i] == U'<')
      while (colon < text.size() && is_word_character(text[colon])) ++colon;
    const bool opens =
        text[i] == U'<' && colon > i + 1 && colon < text.size() && text[colon] == U':';
    if (!opens || last_close == text.npos || last_close <= colon + 1) {
      out.push_back(text[i++]);
      continue;
    }
    const std::size_t close = text.find(U'>', colon + 1);
    if (close == colon + 1) {  // nothing between colon and bracket
      out.push_back(text[i++]);
      continue;
    }
    NetworkTag tag{encode_utf8(text.substr(i + 1, colon - i - 1)), {}, {}};
    const auto body = encode_utf8(text.substr(colon + 1, close - colon - 1));
    for (std::size_t at = 0; at <= body.size();) {
      const std::size_t end = std::min(body.find(':', at), body.size());
      const auto item = body.substr(at, end - at);
      const auto equals = item.find('=');
      if (equals != item.npos && item.find('=', equals + 1) == item.npos) {
        tag.named[item.substr(0, equals)] = item.substr(equals + 1);
      } else {
        tag.positional.push_back(item);
      }
      at = end + 1;
    }
    networks.push_back(std::move(tag));
    i = close + 1;
  }
  return out;
}

double tag_number(const NetworkTag& tag, const std::string& text) {
  const auto points = decode_utf8(text, "prompt");
  const auto number = read_decimal(trim(points));
  if (!number || !std::isfinite(*number))
    throw Error(fmt::format("<{}:{}>: \"{}\" is not a number", tag.kind, tag.name(), text),
                "write a weight such as <lora:name:0.8>");
  return *number;
}

struct WeightedText {
  double weight;
  std::u32string_view text;
};

/// "text : 0.7" -> weight and text; white space behind the text is dropped either way.
WeightedText split_weight(std::u32string_view text) {
  const auto whole = trim_right(text);
  const auto colon = whole.rfind(U':');
  if (colon == whole.npos) return {1, whole};
  const auto weight = read_decimal(trim(whole.substr(colon + 1)));
  if (!weight) return {1, whole};
  return {finite(*weight), trim_right(whole.substr(0, colon))};
}

std::vector<WeightedText> split_and(std::u32string_view text) {
  constexpr std::u32string_view kAnd = U"AND";
  std::size_t next = find_word(text, kAnd, 0);
  if (next == text.npos) return {{1, trim_right(text)}};
  std::vector<WeightedText> parts;
  std::size_t at = 0;
  for (;; next = find_word(text, kAnd, at)) {
    if (parts.size() == kMostBranches)
      throw Error(fmt::format("the prompt has more than {} sides of AND", kMostBranches),
                  "each costs a run of the network at each step; use fewer");
    parts.push_back(split_weight(text.substr(at, next == text.npos ? next : next - at)));
    if (next == text.npos) return parts;
    at = next + kAnd.size();
  }
}

Branch read_branch(const WeightedText& part, const PromptOptions& options) {
  Branch branch{part.weight, {}};
  for (const auto& [until, text] : parse_schedule(part.text, options)) {
    auto fragments = parse_weights(text);
    if (!branch.schedule.empty() && branch.schedule.back().fragments == fragments) {
      branch.schedule.back().until_step = until;
    } else {
      branch.schedule.push_back({until, std::move(fragments)});
    }
  }
  return branch;
}

}  // namespace

const Stage& Branch::at(int step) const {
  for (const auto& stage : schedule)
    if (step <= stage.until_step) return stage;
  return schedule.back();
}

double NetworkTag::text_encoder_weight() const {
  if (const auto found = named.find("te"); found != named.end())
    return tag_number(*this, found->second);
  return positional.size() > 1 ? tag_number(*this, positional[1]) : 1;
}

double NetworkTag::unet_weight() const {
  if (const auto found = named.find("unet"); found != named.end())
    return tag_number(*this, found->second);
  return positional.size() > 2 ? tag_number(*this, positional[2]) : text_encoder_weight();
}

const PromptProfile& prompt_profile(std::string_view name) {
  std::string known;
  for (const auto& profile : kPromptProfiles) {
    if (profile.name == name) return profile;
    known += (known.empty() ? "" : ", ") + std::string(profile.name);
  }
  throw Error(fmt::format("there is no prompt profile \"{}\"", name), "known here: " + known);
}

Prompt parse_prompt(std::string_view text, const PromptOptions& options) {
  if (text.size() > kLongestPrompt)
    throw Error(fmt::format("the prompt has {} bytes, {} are allowed", text.size(), kLongestPrompt),
                "shorten the prompt");
  if (options.steps < 1) throw Error("a prompt needs at least one step", "use --steps 1 or more");
  const auto points = decode_utf8(text, "prompt");
  if (options.syntax == PromptSyntax::literal)
    return {{Branch{1, {{options.steps, {{std::string(text), 1, false}}}}}}, {}};
  Prompt prompt;
  const auto plain = take_networks(points, prompt.networks);
  if (!options.split_and) {
    prompt.branches.push_back(read_branch({1, plain}, options));
    return prompt;
  }
  for (const auto& part : split_and(plain)) prompt.branches.push_back(read_branch(part, options));
  return prompt;
}

}  // namespace sumi
