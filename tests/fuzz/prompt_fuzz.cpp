#include "input.h"
#include "text/prompt.h"

/// The first two bytes choose the options.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  sumi::PromptOptions options;
  options.steps = 1 + data[0];
  options.first_pass_steps = data[1] & 15;
  options.old_timeline = (data[1] & 16) != 0;
  options.split_and = (data[1] & 32) == 0;
  sumi::answer([&] {
    const auto prompt = sumi::parse_prompt(sumi::as_text(data + 2, size - 2), options);
    sumi::require(!prompt.branches.empty());
    for (const auto& branch : prompt.branches) {
      int step = 0;
      for (const auto& stage : branch.schedule) {
        sumi::require(stage.until_step > step && !stage.fragments.empty());
        step = stage.until_step;
      }
      sumi::require(step == options.steps);
    }
    for (const auto& tag : prompt.networks) sumi::answer([&] { tag.unet_weight(); });
  });
  return 0;
}
