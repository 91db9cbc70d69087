#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sumi {

/// The "parameters" text that A1111's web UI and its relatives write into pictures:
///
///   a prompt, on as many lines as it has
///   Negative prompt: so has this one
///   Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512, Model hash:
///   45dee52b
struct Infotext {
  std::string prompt, negative_prompt;
  std::vector<std::pair<std::string, std::string>> parameters;  // in the order written

  /// The value of the first parameter of that name; nullptr when there is none.
  const std::string* find(std::string_view key) const;

  bool operator==(const Infotext&) const = default;
};

/// Writes the text so that parse_infotext gives back exactly `infotext`, and A1111 the same where
/// its format can say it. What the format cannot say (a prompt with lines of leading spaces or
/// lines that look like parameters, fewer than three parameters) is repeated in the parameters
/// "Prompt text" and "Negative prompt text" as JSON. Throws Error on keys other than two or more
/// letters, digits, spaces, "-", "/", "_" and on invalid UTF-8.
std::string write_infotext(const Infotext& infotext);

/// Reads the text of A1111, Forge, SD.Next, Civitai and the like: values in JSON quotes, JSON lists
/// and objects without quotes, lines behind the parameters ("Template: …"). Text of any other kind
/// is a prompt without parameters. Never fails; malformed UTF-8 becomes U+FFFD. Linear time.
Infotext parse_infotext(std::string_view text);

/// "512x768" -> {512, 768}; {0, 0} when the text is no size.
std::pair<int, int> parse_size(std::string_view text);

}  // namespace sumi
