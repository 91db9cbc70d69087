#include "cli/help.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace sumi {
namespace {

constexpr std::size_t kIndent = 28;  // columns before an option's description

std::size_t columns() {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? std::clamp<std::size_t>(size.ws_col, 60, 100) : 100;
}

/// `text` in lines of at most `width` columns, every line but the first indented.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::istringstream words(text);
  std::string out, word;
  std::size_t used = 0;
  while (words >> word) {
    if (used > 0 && indent + used + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      used = 0;
    }
    out += (used > 0 ? " " : "") + word;
    used += (used > 0 ? 1 : 0) + word.size();
  }
  return out;
}

std::string left_column(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  std::string text = fmt::format("  {}", fmt::join(names, ", "));
  if (option.get_snames().empty()) text.insert(2, 4, ' ');
  // Switches take no value.
  if (option.get_items_expected_max() > 0) text += " " + option.get_type_name();
  return text;
}

void add_row(std::string& out, const std::string& left, const std::string& right) {
  out += left;
  if (left.size() + 2 > kIndent)
    out += "\n" + std::string(kIndent, ' ');
  else
    out += std::string(kIndent - left.size(), ' ');
  out += wrapped(right, kIndent, columns()) + "\n";
}

std::string positional_usage(const CLI::Option& option) {
  const auto name = option.get_name(true);
  const std::string dots = option.get_items_expected_max() > 1 ? "…" : "";
  return option.get_required() ? " " + name + dots : " [" + name + dots + "]";
}

}  // namespace

std::string help_text(const CLI::App& app, const std::string& name) {
  std::string out = wrapped(app.get_description(), 0, columns()) + "\n\nUsage: " + name;
  const auto commands =
      app.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); });
  const auto positionals =
      app.get_options([](const CLI::Option* o) { return o->get_positional(); });
  for (const auto* option : positionals) out += positional_usage(*option);
  out += commands.empty() ? " [options]\n" : " COMMAND …\n";
  for (const auto* option : positionals)
    add_row(out, "  " + option->get_name(true), option->get_description());

  for (const auto* sub : commands) {
    if (sub == commands.front()) out += "\nCommands:\n";
    add_row(out, "  " + sub->get_name(), sub->get_description());
  }
  auto groups = app.get_groups();
  // --help is always the first option, its group the last.
  std::stable_partition(groups.begin(), groups.end(),
                        [](const std::string& group) { return group != "Machine"; });
  for (const auto& group : groups) {
    if (group.empty()) continue;
    std::string rows;
    for (const auto* option : app.get_options())
      if (option->get_group() == group && option->nonpositional())
        add_row(rows, left_column(*option), option->get_description());
    if (!rows.empty()) out += "\n" + group + ":\n" + rows;
  }
  if (!app.get_footer().empty()) out += "\n" + app.get_footer();
  return out;
}

const char* const kProgramExamples =
    R"(Examples:
  sumi generate "a 3d render of a red apple on a blue background"
  sumi generate --help            every option, by example
  sumi info sumi-1.png            what made this picture
  sumi replay sumi-1.png          make it again, pixel for pixel
  sumi model inspect v1-5.safetensors
  sumi doctor                     what this machine can do, and what would be slow

sumi COMMAND --help tells more about each command.
)";

const char* const kGenerateExamples =
    R"(Examples:
  A picture from words, with the model that comes with Sumi:
    sumi generate "a flat emoji of a yellow star on a green background"
  Four of them, seeds 7 to 10, in a folder:
    sumi generate "a 3d render of a red apple" --count 4 --seed 7 -o apples/
  Stable Diffusion 1.5 or 2.1, from one file or a diffusers folder:
    sumi generate "a lighthouse at dusk, oil painting" -n "blurry" -m v1-5.safetensors
  Sampler, spacing, steps and guidance:
    sumi generate "a red fox" -m sd21/ --sampler "DPM++ 2M" --spacing karras -s 25 -g 6.5
  Weights, alternation and two prompts at once:
    sumi generate "a (red:1.3) [fox|wolf] in snow AND watercolour :0.5"
  Start from a picture, redraw 60 % of it:
    sumi generate "the same house in winter" --image house.jpg --strength 0.6
  Inpainting: redraw where the mask is white, keep every other pixel:
    sumi generate "a black cat" --image room.png --mask where.png --mask-blur 4
  A second pass at twice the size:
    sumi generate "a castle" -m v1-5.safetensors --size 512x512 --hires-scale 2 --hires-strength 0.6
  One prompt a line, computed together:
    sumi generate --prompts list.txt --batch-size 4 -o sheet/
  On a machine with little memory:
    sumi generate "a lighthouse" -m v1-5.safetensors --memory 2G
  For programs:
    sumi generate "a red apple" --seed 1 -o apple.webp --quality 90 --json
)";

}  // namespace sumi
