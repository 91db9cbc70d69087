#include "training/captions.h"

#include <algorithm>
#include <sstream>

#include "training/randomness.h"

namespace sumi {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

}  // namespace

std::string shuffled_tags(const std::string& caption, int keep, std::uint64_t seed) {
  std::vector<std::string> tags;
  std::istringstream parts(caption);
  for (std::string part; std::getline(parts, part, ',');)
    if (auto tag = trimmed(part); !tag.empty()) tags.push_back(std::move(tag));
  // Fisher and Yates, from the end; standard shuffles differ from library to library.
  for (std::size_t last = tags.size(), first = static_cast<std::size_t>(keep); last > first + 1;
       --last)
    std::swap(tags[last - 1], tags[first + mix_seed(seed, last) % (last - first)]);
  return fmt::format("{}", fmt::join(tags, ", "));
}

void vary_captions(std::vector<std::string>& captions, const ObjectiveConfig& config,
                   std::uint64_t seed) {
  for (std::size_t i = 0; i < captions.size(); ++i) {
    const std::uint64_t own = mix_seed(seed, i);
    if (config.shuffle_tags)
      captions[i] = shuffled_tags(captions[i], config.keep_tags, mix_seed(own, 1));
    const double u = static_cast<double>(own >> 11) * 0x1p-53;
    if (u < config.caption_dropout) captions[i].clear();
  }
}

}  // namespace sumi
