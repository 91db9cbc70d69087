// Prompt editing: "[a:b:0.5]", "[b:10]", "[a|b]". What fits no rule stays in the text.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <utility>

#include "core/error.h"
#include "text/prompt.h"
#include "text/unicode.h"

namespace sumi {
namespace {

struct Node;
using Sequence = std::vector<Node>;

/// Text, [before:after:when] or [option|option|…].
struct Node {
  std::u32string text;
  std::vector<Sequence> options;
  std::optional<int> when;  // the last step of options[0]; options[1] follows
};

/// An open bracket. All levels share one list of nodes; places in it are indices.
struct Level {
  char32_t open = 0;                      // 0: the whole prompt
  std::size_t begin = 0;                  // behind the bracket's own node
  std::vector<std::size_t> colons, bars;  // nodes that are such a character
  bool has_stray = false;                 // holds a bracket or colon that fits no rule
};

void append_text(Sequence& nodes, std::u32string_view text) {
  nodes.push_back({std::u32string(text), {}, std::nullopt});
}

Sequence slice(Sequence& nodes, std::size_t begin, std::size_t end) {
  return Sequence(std::make_move_iterator(nodes.begin() + static_cast<std::ptrdiff_t>(begin)),
                  std::make_move_iterator(nodes.begin() + static_cast<std::ptrdiff_t>(end)));
}

/// A number with optional sign, point and exponent, and nothing else.
std::optional<double> read_number(const std::string& text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t first = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - first;
  };
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  std::size_t count = digits();
  if (i < text.size() && text[i] == '.') ++i, count += digits();
  if (count == 0) return std::nullopt;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return std::nullopt;
  }
  if (i != text.size()) return std::nullopt;
  return std::strtod(text.c_str(), nullptr);
}

/// The step at which a schedule turns, from what is written behind its last colon.
std::optional<int> read_turn(const Sequence& nodes, std::size_t begin,
                             const PromptOptions& options) {
  if (nodes.size() != begin + 1 || !nodes[begin].options.empty()) return std::nullopt;
  std::string text;
  for (const char32_t c : collapse_white_space(nodes[begin].text)) {
    if (c >= 0x80) return std::nullopt;
    text.push_back(static_cast<char>(c));
  }
  const auto number = read_number(text);
  if (!number) return std::nullopt;
  const bool second = options.first_pass_steps > 0 && !options.old_timeline;
  const bool is_fraction = options.old_timeline ? *number < 1 : text.find('.') != text.npos;
  double step = is_fraction ? (*number - (second ? 1 : 0)) * options.steps
                            : *number - (second ? options.first_pass_steps : 0);
  return static_cast<int>(std::clamp<double>(step, -1, options.steps));
}

class ScheduleReader {
 public:
  ScheduleReader(std::u32string_view text, const PromptOptions& options)
      : text_(text), options_(options) {}

  Sequence read();

 private:
  void open(char32_t bracket);
  void close(char32_t bracket);
  void colon();
  void bar();
  void mark(std::vector<std::size_t>& places, char32_t c);
  void flush();
  void collapse(std::size_t begin);
  std::optional<Node> as_node(const Level& level);

  std::u32string_view text_;
  const PromptOptions& options_;
  std::u32string pending_;
  Sequence nodes_;
  std::vector<Level> levels_ = {Level{}};
};

void ScheduleReader::flush() {
  // Moved, not copied: the text before a bracket may be long and be taken back by collapse.
  if (!pending_.empty()) nodes_.push_back({std::move(pending_), {}, std::nullopt});
  pending_.clear();
}

void ScheduleReader::open(char32_t bracket) {
  if (levels_.size() > static_cast<std::size_t>(kDeepestNesting))
    throw Error("prompt: brackets are nested deeper than 100",
                "close the brackets, or write \\( for a literal one");
  flush();
  append_text(nodes_, std::u32string_view(&bracket, 1));
  levels_.push_back({bracket, nodes_.size(), {}, {}, false});
}

void ScheduleReader::mark(std::vector<std::size_t>& places, char32_t c) {
  flush();
  places.push_back(nodes_.size());
  append_text(nodes_, std::u32string_view(&c, 1));
}

void ScheduleReader::colon() {
  constexpr std::size_t kMostColons = 2;
  auto& level = levels_.back();
  if (level.open == 0 || level.colons.size() > kMostColons) {
    pending_.push_back(U':');
  } else {
    mark(level.colons, U':');
  }
}

void ScheduleReader::bar() {
  auto& level = levels_.back();
  if (level.open == U'[') {
    mark(level.bars, U'|');
  } else {
    pending_.push_back(U'|');
  }
}

/// What a closed square bracket is, if it is more than text. Its nodes move into it.
std::optional<Node> ScheduleReader::as_node(const Level& level) {
  const auto& colons = level.colons;
  if (level.open != U'[' || level.has_stray) return std::nullopt;
  if (colons.size() == 1 || colons.size() == 2) {
    const auto turn = read_turn(nodes_, colons.back() + 1, options_);
    if (!turn) return std::nullopt;
    const bool both = colons.size() == 2;
    Node node{U"", {}, turn};
    node.options.push_back(slice(nodes_, level.begin, both ? colons.front() : level.begin));
    node.options.push_back(slice(nodes_, both ? colons.front() + 1 : level.begin, colons.back()));
    return node;
  }
  if (!colons.empty() || level.bars.empty()) return std::nullopt;
  Node node{U"", {}, std::nullopt};
  std::size_t begin = level.begin;
  for (const std::size_t bar : level.bars) {
    node.options.push_back(slice(nodes_, begin, bar));
    begin = bar + 1;
  }
  node.options.push_back(slice(nodes_, begin, nodes_.size()));
  return node;
}

void ScheduleReader::close(char32_t bracket) {
  const char32_t expected = bracket == U')' ? U'(' : U'[';
  if (levels_.back().open != expected) {
    pending_.push_back(bracket);
    levels_.back().has_stray = true;
    return;
  }
  flush();
  const Level level = std::move(levels_.back());
  levels_.pop_back();
  if (auto node = as_node(level)) {
    nodes_.resize(level.begin - 1);
    nodes_.push_back(std::move(*node));
    return;
  }
  const std::size_t most_colons = level.open == U'(' ? 1 : 0;
  const bool half_open_alternation = level.open == U'[' && !level.bars.empty();
  if (level.has_stray || level.colons.size() > most_colons || half_open_alternation)
    levels_.back().has_stray = true;
  collapse(level.begin - 1);
  pending_.push_back(bracket);
}

/// Takes the nodes from `begin` on back as text to be continued, when they are text, and the text
/// before them too: otherwise each bracket would leave nodes behind.
void ScheduleReader::collapse(std::size_t begin) {
  for (std::size_t i = begin; i < nodes_.size(); ++i)
    if (!nodes_[i].options.empty()) return;
  const auto& outer = levels_.back();
  const auto behind = [](const std::vector<std::size_t>& places) {
    return places.empty() ? 0 : places.back() + 1;
  };
  const std::size_t first = std::max({outer.begin, behind(outer.colons), behind(outer.bars)});
  if (begin > first && nodes_[begin - 1].options.empty()) --begin;
  pending_ = std::move(nodes_[begin].text);
  for (std::size_t i = begin + 1; i < nodes_.size(); ++i) pending_ += nodes_[i].text;
  nodes_.resize(begin);
}

Sequence ScheduleReader::read() {
  for (std::size_t i = 0; i < text_.size(); ++i) {
    const char32_t c = text_[i];
    switch (c) {
      case U'\\':
        pending_.push_back(c);
        if (i + 1 < text_.size()) pending_.push_back(text_[++i]);
        break;
      case U'(':
      case U'[':
        open(c);
        break;
      case U')':
      case U']':
        close(c);
        break;
      case U':':
        colon();
        break;
      case U'|':
        bar();
        break;
      default:
        pending_.push_back(c);
    }
  }
  flush();
  return std::move(nodes_);
}

/// Marks the steps at which the text may change: the last step of each stage.
void mark_ends(const Sequence& nodes, std::vector<bool>& ends, bool& every_step) {
  for (const auto& node : nodes) {
    if (node.options.empty()) continue;
    if (!node.when) every_step = true;
    if (node.when && *node.when >= 1) ends[static_cast<std::size_t>(*node.when)] = true;
    for (const auto& option : node.options) mark_ends(option, ends, every_step);
  }
}

std::vector<int> stage_ends(const Sequence& nodes, int steps) {
  std::vector<bool> marks(static_cast<std::size_t>(steps) + 1);
  bool every_step = false;
  mark_ends(nodes, marks, every_step);
  marks.back() = true;
  std::vector<int> ends;
  for (int step = 1; step <= steps; ++step)
    if (every_step || marks[static_cast<std::size_t>(step)]) ends.push_back(step);
  return ends;
}

void write_at(const Sequence& nodes, int step, std::u32string& out) {
  for (const auto& node : nodes) {
    if (node.options.empty()) {
      out += node.text;
    } else if (node.when) {
      write_at(node.options[step <= *node.when ? 0 : 1], step, out);
    } else {
      write_at(node.options[static_cast<std::size_t>(step - 1) % node.options.size()], step, out);
    }
  }
}

}  // namespace

std::vector<TextStage> parse_schedule(std::u32string_view text, const PromptOptions& options) {
  if (text.find(U'[') == text.npos) return {{options.steps, std::u32string(text)}};
  // Alternation writes the text out for each step.
  constexpr std::size_t kMostCharacters = 2u << 20;
  const auto nodes = ScheduleReader(text, options).read();
  const auto ends = stage_ends(nodes, options.steps);
  std::vector<TextStage> stages;
  std::size_t written = 0;
  for (const int end : ends) {
    std::u32string out;
    write_at(nodes, end, out);
    written += out.size();
    if (written > kMostCharacters)
      throw Error(fmt::format("the prompt changes {} times and is too long for that", ends.size()),
                  "shorten it, or use fewer [a|b] and [a:b:0.5]");
    if (!stages.empty() && stages.back().text == out) {
      stages.back().until_step = end;
    } else {
      stages.push_back({end, std::move(out)});
    }
  }
  return stages;
}

}  // namespace sumi
