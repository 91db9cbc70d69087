// The weights in a prompt: "(a), (b:1.3), [c]", with escapes and BREAK.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "core/error.h"
#include "text/prompt.h"
#include "text/unicode.h"

namespace sumi {
namespace {

constexpr double kRound = 1.1;
constexpr double kSquare = 1 / 1.1;

bool is_word_character(char32_t c) {
  const auto kind = kind_of(c);
  return kind == CharacterKind::letter || kind == CharacterKind::number || c == U'_';
}

class WeightReader {
 public:
  explicit WeightReader(std::u32string_view text) : text_(text) {}

  std::vector<Fragment> read();

 private:
  void read_one();
  void open(std::vector<std::size_t>& brackets);
  void close(std::vector<std::size_t>& brackets, double factor);
  void add_text(std::u32string_view text);
  void append(std::u32string_view text);
  std::optional<double> weight_at(std::size_t colon, std::size_t& behind) const;
  std::vector<Fragment> merged();

  std::u32string_view text_;
  std::size_t at_ = 0;
  std::vector<Fragment> pieces_;
  bool may_join_ =
      false;  // no bracket since the last piece: whatever multiplies one multiplies the other
  std::vector<std::size_t> round_, square_;  // where the open brackets began
};

void WeightReader::open(std::vector<std::size_t>& brackets) {
  may_join_ = false;
  brackets.push_back(pieces_.size());
  if (round_.size() + square_.size() > static_cast<std::size_t>(kDeepestNesting))
    throw Error("prompt: brackets are nested deeper than 100",
                "close the brackets, or write \\( for a literal one");
}

void WeightReader::close(std::vector<std::size_t>& brackets, double factor) {
  may_join_ = false;
  for (std::size_t i = brackets.back(); i < pieces_.size(); ++i) pieces_[i].weight *= factor;
  brackets.pop_back();
}

void WeightReader::append(std::u32string_view text) {
  if (!may_join_) pieces_.emplace_back();
  for (const char32_t c : text) append_utf8(pieces_.back().text, c);
  may_join_ = true;
}

/// Splits at BREAK, with the white space around it.
void WeightReader::add_text(std::u32string_view text) {
  constexpr std::u32string_view kBreak = U"BREAK";
  std::size_t at = 0;
  for (std::size_t found = 0; (found = text.find(kBreak, found)) != text.npos;) {
    std::size_t begin = found, end = found + kBreak.size();
    const bool alone = (begin == 0 || !is_word_character(text[begin - 1])) &&
                       (end == text.size() || !is_word_character(text[end]));
    found = end;
    if (!alone) continue;
    while (begin > at && is_white_space(text[begin - 1])) --begin;
    while (end < text.size() && is_white_space(text[end])) ++end;
    if (begin > at) append(text.substr(at, begin - at));
    pieces_.push_back({"", 1, true});
    may_join_ = false;
    at = found = end;
  }
  if (at < text.size()) append(text.substr(at));
}

/// Reads ": 1.3 )" at a colon.
std::optional<double> WeightReader::weight_at(std::size_t colon, std::size_t& behind) const {
  std::size_t i = colon + 1;
  while (i < text_.size() && is_white_space(text_[i])) ++i;
  std::string number;
  int digits = 0, points = 0;
  for (; i < text_.size(); ++i) {
    const char32_t c = text_[i];
    const bool sign = number.empty() && (c == U'+' || c == U'-');
    const bool digit = c >= U'0' && c <= U'9';
    if (!sign && !digit && c != U'.') break;
    digits += digit;
    points += c == U'.';
    number.push_back(static_cast<char>(c));
  }
  while (i < text_.size() && is_white_space(text_[i])) ++i;
  if (i >= text_.size() || text_[i] != U')' || digits == 0 || points > 1) return std::nullopt;
  behind = i + 1;
  const double weight = std::strtod(number.c_str(), nullptr);
  if (!std::isfinite(weight))
    throw Error("prompt: a weight is too large", "weights are numbers such as 1.3");
  return weight;
}

void WeightReader::read_one() {
  const char32_t c = text_[at_];
  std::size_t behind = at_ + 1;
  if (c == U'\\') {
    const bool escape = behind < text_.size() && std::u32string_view(U"()[]\\").find(
                                                     text_[behind]) != std::u32string_view::npos;
    // A lone backslash disappears, as it does in A1111.
    append(escape ? text_.substr(behind, 1) : std::u32string_view());
    at_ = escape ? behind + 1 : behind;
    return;
  }
  if (c == U'(') {
    open(round_);
  } else if (c == U'[') {
    open(square_);
  } else if (c == U')' && !round_.empty()) {
    close(round_, kRound);
  } else if (c == U']' && !square_.empty()) {
    close(square_, kSquare);
  } else if (c == U':') {
    const auto weight = weight_at(at_, behind);
    if (weight && !round_.empty()) {
      close(round_, *weight);
    } else {
      add_text(text_.substr(at_, behind - at_));
    }
  } else {
    const std::size_t end = text_.find_first_of(U"\\()[]:", at_ + 1);
    behind = std::min(end, text_.size());
    add_text(text_.substr(at_, behind - at_));
  }
  at_ = behind;
}

/// Joins neighbours of the same weight, in place.
std::vector<Fragment> WeightReader::merged() {
  std::size_t kept = 0;
  for (auto& piece : pieces_) {
    if (piece.is_break) piece.weight = 1;
    const bool joins = kept > 0 && !piece.is_break && !pieces_[kept - 1].is_break &&
                       pieces_[kept - 1].weight == piece.weight;
    if (joins) {
      pieces_[kept - 1].text += piece.text;
    } else if (&piece != &pieces_[kept++]) {
      pieces_[kept - 1] = std::move(piece);
    }
  }
  pieces_.resize(kept);
  // Nothing is said by empty text, but a prompt has at least one fragment.
  std::erase_if(pieces_,
                [](const Fragment& piece) { return piece.text.empty() && !piece.is_break; });
  if (pieces_.empty()) pieces_.emplace_back();
  return std::move(pieces_);
}

std::vector<Fragment> WeightReader::read() {
  pieces_.reserve(text_.size() / 3 + 1);  // untouched memory costs nothing, copies do
  while (at_ < text_.size()) read_one();
  while (!round_.empty()) close(round_, kRound);
  while (!square_.empty()) close(square_, kSquare);
  for (const auto& piece : pieces_)
    if (!std::isfinite(piece.weight))
      throw Error("prompt: nested weights multiply to infinity", "use smaller weights");
  return merged();
}

}  // namespace

std::vector<Fragment> parse_weights(std::u32string_view text) { return WeightReader(text).read(); }

}  // namespace sumi
