#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sumi {

/// Text with one weight; or the mark of a BREAK, after which a new chunk begins (`text` is empty
/// then).
struct Fragment {
  std::string text;
  double weight = 1;
  bool is_break = false;

  bool operator==(const Fragment&) const = default;
};

/// What is asked for up to and including step `until_step` (steps count from 1).
struct Stage {
  int until_step = 0;
  std::vector<Fragment> fragments;

  bool operator==(const Stage&) const = default;
};

/// One side of an AND. Composition (Liu et al. 2022): the guidance of each branch counts times its
/// weight.
struct Branch {
  double weight = 1;
  std::vector<Stage> schedule;  // in order; the last one ends at the last step

  /// The stage that holds at a step, counted from 1.
  const Stage& at(int step) const;
};

/// `<kind:name:0.8:te=0.5>`, e.g. kind "lora" or "hypernet". Removed from the text.
struct NetworkTag {
  std::string kind;
  std::vector<std::string> positional;       // the name first
  std::map<std::string, std::string> named;  // written `key=value`

  std::string name() const { return positional.empty() ? "" : positional.front(); }
  /// A1111's rule for LoRA: the first number serves both, a second one is the U-Net's. Throw Error
  /// when a weight is not a number.
  double text_encoder_weight() const;
  double unet_weight() const;
};

struct Prompt {
  std::vector<Branch> branches;  // one unless the prompt has AND; never empty
  std::vector<NetworkTag> networks;
};

/// How a prompt is read.
///   a1111:   the grammar of A1111's web UI, see parse_prompt.
///   literal: no syntax, every character is text, as plain diffusers pipelines do.
enum class PromptSyntax { a1111, literal };

/// How weights act on the text encoder's output z of one chunk, [tokens, dim].
///   restore_mean: each row times its weight, then all times mean(z before) / mean(z after), the
///   means over
///                 tokens and dimensions of the chunk (A1111's "Original").
///   plain:        each row times its weight (A1111's "No norm").
///   none:         weights are ignored.
enum class Emphasis { restore_mean, plain, none };

/// What is done with text beyond the encoder's length: further chunks, each encoded by itself and
/// joined along the tokens; or cut off.
enum class LongText { chunks, cut };

/// Everything that differs between the programs whose pictures people want to have again.
struct PromptProfile {
  std::string_view name;
  PromptSyntax syntax;
  Emphasis emphasis;
  LongText long_text;
  int comma_backtrack;  // tokens; see lay_out in text/chunks.h
};

inline constexpr PromptProfile kPromptProfiles[] = {
    {"a1111", PromptSyntax::a1111, Emphasis::restore_mean, LongText::chunks, 20},
    {"diffusers", PromptSyntax::literal, Emphasis::none, LongText::cut, 0},
};

/// Throws Error that lists the names.
const PromptProfile& prompt_profile(std::string_view name);

struct PromptOptions {
  PromptSyntax syntax = PromptSyntax::a1111;
  /// Sampling steps of the pass that the prompt is for.
  int steps = 20;
  /// For the second pass of a hires fix: the steps of the first, 0 otherwise. `[a:b:25]` then
  /// counts from the first pass's start, and fractions of the second pass are written 1.0 to 2.0.
  int first_pass_steps = 0;
  /// A1111 before 1.6: numbers of 1 and more are steps even with a decimal point.
  bool old_timeline = false;
  /// False for negative prompts, in which A1111 takes AND for a word.
  bool split_and = true;
};

/// Longest prompt in bytes, deepest nesting of brackets, most sides of AND.
inline constexpr std::size_t kLongestPrompt = 1u << 20;
inline constexpr int kDeepestNesting = 100;
inline constexpr std::size_t kMostBranches = 256;

/// Reads a prompt:
///   (x) weight 1.1; (x:1.3) weight 1.3; [x] weight 1/1.1; nested ones multiply; \( \) \[ \]
///   \\ literal; [a:b:0.5] a for the first half, then b; [a:b:10] a for ten steps; [a::0.5] [b:0.5]
///   one of them empty; [a|b|c] another one at each step; BREAK; a AND b :0.7; <lora:name:0.8>.
/// A number with a decimal point is a fraction of the steps, one without counts steps. Brackets
/// that do not close or fit no rule are text to the schedule; an open weight reaches to the end.
/// AND's weight is read only where there is an AND ("16:9" is no weight), and BREAK also breaks
/// inside brackets: A1111 differs in these two. Linear time in the length and in the number of
/// stages. Throws Error on invalid UTF-8, on prompts longer than kLongestPrompt, nested deeper than
/// kDeepestNesting or of more branches than kMostBranches, and on weights that are not finite.
Prompt parse_prompt(std::string_view text, const PromptOptions& options);

/// Weights alone, without schedule and tags: what A1111's parse_prompt_attention reads.
std::vector<Fragment> parse_weights(std::u32string_view text);

/// The schedule alone: the text of each stage.
struct TextStage {
  int until_step;
  std::u32string text;
};
std::vector<TextStage> parse_schedule(std::u32string_view text, const PromptOptions& options);

}  // namespace sumi
