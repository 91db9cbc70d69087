// Prompt editing: "[a:b:0.5]", "[b:10]", "[a|b]". What fits no rule stays in the text.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>

#include "core/error.h"
#include "text/prompt.h"
#include "text/unicode.h"

namespace sumi {
namespace {

/// Places in the text or in a list below. Nothing is copied out of the text before a stage is
/// written, and the lists are kept small: to a long prompt fresh memory is what costs most.
struct Range {
  std::uint32_t begin, end;
};

/// Text, [before:after:when] or [option|option|…].
struct Node {
  static constexpr int kText = -3, kAlternation = -2;

  Range range;       // of the text, or of Schedule::options
  int when = kText;  // of [before:after:when], from -1 on: the last step of `before`

  bool is_text() const { return when == kText; }
};

struct Schedule {
  std::vector<Node> nodes;     // the prompt itself
  std::vector<Node> inner;     // what stands in options
  std::vector<Range> options;  // of `inner`
};

/// An open bracket. All levels share one list of nodes; places in it are indices.
struct Level {
  static constexpr std::size_t kMostColons = 3;

  char32_t open = 0;        // 0: the whole prompt
  std::uint32_t begin = 0;  // behind the bracket's own node
  std::array<std::uint32_t, kMostColons> colons{};
  std::size_t colon_count = 0;  // one more than any rule has, then they are text
  std::vector<std::uint32_t> bars{};
  bool has_stray = false;  // holds a bracket or colon that fits no rule

  /// The first node that belongs to no colon or bar.
  std::uint32_t behind_marks() const {
    const std::uint32_t colon = colon_count > 0 ? colons[colon_count - 1] + 1 : 0u;
    return std::max({begin, colon, bars.empty() ? 0u : bars.back() + 1});
  }
};

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
std::optional<int> read_turn(std::u32string_view text, const PromptOptions& options) {
  while (!text.empty() && is_white_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white_space(text.back())) text.remove_suffix(1);
  std::string ascii;
  for (const char32_t c : text) {
    if (std::u32string_view(U"0123456789+-.eE").find(c) == text.npos) return std::nullopt;
    ascii.push_back(static_cast<char>(c));
  }
  const auto number = read_number(ascii);
  if (!number) return std::nullopt;
  const bool second = options.first_pass_steps > 0 && !options.old_timeline;
  const bool is_fraction = options.old_timeline ? *number < 1 : ascii.find('.') != ascii.npos;
  double step = is_fraction ? (*number - (second ? 1 : 0)) * options.steps
                            : *number - (second ? options.first_pass_steps : 0);
  return static_cast<int>(std::clamp<double>(step, -1, options.steps));
}

class ScheduleReader {
 public:
  ScheduleReader(std::u32string_view text, const PromptOptions& options)
      : text_(text), options_(options) {}

  Schedule read();

 private:
  void open(char32_t bracket);
  void close(char32_t bracket);
  void colon();
  void bar();
  std::uint32_t mark();
  void flush();
  void collapse(std::uint32_t begin);
  void add_option(std::uint32_t begin, std::uint32_t end);
  std::uint32_t node_count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  Range last_options(std::size_t count) const;
  std::optional<Node> as_node(const Level& level);
  std::optional<Node> as_turn(const Level& level);

  std::u32string_view text_;
  const PromptOptions& options_;
  std::uint32_t at_ = 0;
  std::uint32_t pending_ = 0;  // where the text begins that no node holds yet; it ends at at_
  Schedule out_;
  std::vector<Node>& nodes_ = out_.nodes;
  std::vector<Level> levels_ = {Level{}};
};

void ScheduleReader::flush() {
  if (pending_ < at_) nodes_.push_back({{pending_, at_}});
  pending_ = at_;
}

/// The character at hand as a node of its own.
std::uint32_t ScheduleReader::mark() {
  flush();
  nodes_.push_back({{at_, at_ + 1}});
  pending_ = at_ + 1;
  return node_count() - 1;
}

void ScheduleReader::open(char32_t bracket) {
  if (levels_.size() > static_cast<std::size_t>(kDeepestNesting))
    throw Error("prompt: brackets are nested deeper than 100",
                "close the brackets, or write \\( for a literal one");
  const std::uint32_t begin = mark() + 1;
  levels_.push_back({bracket, begin});
}

void ScheduleReader::colon() {
  auto& level = levels_.back();
  if (level.open == 0 || level.colon_count == Level::kMostColons) return;
  level.colons[level.colon_count++] = mark();
}

void ScheduleReader::bar() {
  auto& level = levels_.back();
  if (level.open == U'[') level.bars.push_back(mark());
}

void ScheduleReader::add_option(std::uint32_t begin, std::uint32_t end) {
  const auto first = static_cast<std::uint32_t>(out_.inner.size());
  for (auto i = begin; i < end; ++i) out_.inner.push_back(nodes_[i]);
  out_.options.push_back({first, first + end - begin});
}

Range ScheduleReader::last_options(std::size_t count) const {
  const std::size_t end = out_.options.size();
  return {static_cast<std::uint32_t>(end - count), static_cast<std::uint32_t>(end)};
}

/// [before:after:when], [after:when].
std::optional<Node> ScheduleReader::as_turn(const Level& level) {
  if (level.colon_count > 2) return std::nullopt;
  const std::uint32_t last = level.colons[level.colon_count - 1];
  if (nodes_.size() != last + 2 || !nodes_.back().is_text()) return std::nullopt;
  const auto [begin, end] = nodes_.back().range;
  const auto turn = read_turn(text_.substr(begin, end - begin), options_);
  if (!turn) return std::nullopt;
  const bool both = level.colon_count == 2;
  add_option(level.begin, both ? level.colons[0] : level.begin);
  add_option(both ? level.colons[0] + 1 : level.begin, last);
  return Node{last_options(2), *turn};
}

/// What a closed square bracket is, if it is more than text. Its nodes move into it.
std::optional<Node> ScheduleReader::as_node(const Level& level) {
  if (level.open != U'[' || level.has_stray) return std::nullopt;
  if (level.colon_count > 0) return as_turn(level);
  if (level.bars.empty()) return std::nullopt;
  std::uint32_t begin = level.begin;
  for (const std::uint32_t bar : level.bars) {
    add_option(begin, bar);
    begin = bar + 1;
  }
  add_option(begin, node_count());
  return Node{last_options(level.bars.size() + 1), Node::kAlternation};
}

void ScheduleReader::close(char32_t bracket) {
  const char32_t expected = bracket == U')' ? U'(' : U'[';
  if (levels_.back().open != expected) {
    levels_.back().has_stray = true;
    return;
  }
  flush();
  const Level level = std::move(levels_.back());
  levels_.pop_back();
  if (auto node = as_node(level)) {
    nodes_.resize(level.begin - 1);
    nodes_.push_back(*node);
    pending_ = at_ + 1;
    return;
  }
  const std::size_t most_colons = level.open == U'(' ? 1 : 0;
  const bool half_open_alternation = level.open == U'[' && !level.bars.empty();
  if (level.has_stray || level.colon_count > most_colons || half_open_alternation)
    levels_.back().has_stray = true;
  collapse(level.begin - 1);
}

/// Takes the nodes from `begin` on back as text to be continued, when they are text, and the text
/// before them too: otherwise each bracket would leave nodes behind.
void ScheduleReader::collapse(std::uint32_t begin) {
  for (auto i = begin; i < node_count(); ++i)
    if (!nodes_[i].is_text()) return;
  if (begin > levels_.back().behind_marks() && nodes_[begin - 1].is_text()) --begin;
  pending_ = nodes_[begin].range.begin;
  nodes_.resize(begin);
}

Schedule ScheduleReader::read() {
  for (; at_ < text_.size(); ++at_) {
    const char32_t c = text_[at_];
    switch (c) {
      case U'\\':
        if (at_ + 1 < text_.size()) ++at_;
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
        break;
    }
  }
  flush();
  return std::move(out_);
}

/// The steps at which the text may change: the last step of each stage.
std::vector<int> stage_ends(const Schedule& schedule, int steps) {
  std::vector<bool> marks(static_cast<std::size_t>(steps) + 1);
  bool every_step = false;
  for (const auto* nodes : {&schedule.nodes, &schedule.inner})
    for (const auto& node : *nodes) {
      if (node.when == Node::kAlternation) every_step = true;
      if (node.when >= 1) marks[static_cast<std::size_t>(node.when)] = true;
    }
  marks.back() = true;
  std::vector<int> ends;
  for (int step = 1; step <= steps; ++step)
    if (every_step || marks[static_cast<std::size_t>(step)]) ends.push_back(step);
  return ends;
}

/// Writes out what the prompt says at a step.
class StageWriter {
 public:
  StageWriter(std::u32string_view text, const Schedule& schedule)
      : text_(text), schedule_(schedule) {}

  std::u32string write(int step) {
    std::u32string out;
    write(schedule_.nodes, step, out);
    work_ += out.size();
    return out;
  }

  /// Characters and nodes written so far.
  std::size_t work() const { return work_; }

 private:
  void write(std::span<const Node> nodes, int step, std::u32string& out) {
    work_ += nodes.size();
    for (const auto& node : nodes) {
      if (node.is_text()) {
        out += text_.substr(node.range.begin, node.range.end - node.range.begin);
        continue;
      }
      const auto& [begin, end] = schedule_.options[option_at(node, step)];
      write(std::span(schedule_.inner).subspan(begin, end - begin), step, out);
    }
  }

  static std::uint32_t option_at(const Node& node, int step) {
    const auto [begin, end] = node.range;
    if (node.when != Node::kAlternation) return begin + (step <= node.when ? 0 : 1);
    return begin + static_cast<std::uint32_t>(step - 1) % (end - begin);
  }

  std::u32string_view text_;
  const Schedule& schedule_;
  std::size_t work_ = 0;
};

}  // namespace

std::vector<TextStage> parse_schedule(std::u32string_view text, const PromptOptions& options) {
  if (text.find(U'[') == text.npos) return {{options.steps, std::u32string(text)}};
  // Alternation writes the text out for each step.
  constexpr std::size_t kMostWork = 2u << 20;
  const auto schedule = ScheduleReader(text, options).read();
  const auto ends = stage_ends(schedule, options.steps);
  StageWriter writer(text, schedule);
  std::vector<TextStage> stages;
  for (const int end : ends) {
    auto out = writer.write(end);
    if (writer.work() > kMostWork)
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
