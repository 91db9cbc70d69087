#include <algorithm>
#include <cctype>
#include <map>

#include "pipelines/request.h"
#include "text/infotext.h"

namespace sumi {
namespace {

/// Fields that A1111 and its relatives have a word for; the others are written under their own
/// name.
const std::map<std::string, std::string>& customary_keys() {
  static const std::map<std::string, std::string> keys = {
      {"steps", "Steps"},
      {"sampler", "Sampler"},
      {"spacing", "Schedule type"},
      {"guidance_scale", "CFG scale"},
      {"strength", "Denoising strength"},
      {"rng", "RNG"},
      {"hires_scale", "Hires upscale"},
      {"token_merging", "Token merging ratio"},
  };
  return keys;
}

/// "guidance_rescale" -> "Guidance rescale".
std::string key_of(const std::string& field) {
  if (const auto found = customary_keys().find(field); found != customary_keys().end())
    return found->second;
  std::string key = field;
  std::replace(key.begin(), key.end(), '_', ' ');
  key[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(key[0])));
  return key;
}

/// Written by other means, or of no account for one picture.
bool stands_elsewhere(const std::string& field) {
  static constexpr const char* kFields[] = {"prompt", "negative_prompt", "seed",      "width",
                                            "height", "count",           "batch_size"};
  return std::find(std::begin(kFields), std::end(kFields), field) != std::end(kFields);
}

template <class T>
std::string text_of(const T& value) {
  return fmt::format("{}", value);
}

template <class T>
void read_value(const std::string& key, const std::string& text, T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    value = text;
  } else {
    try {
      std::size_t used = 0;
      if constexpr (std::is_floating_point_v<T>)
        value = std::stod(text, &used);
      else
        value = static_cast<T>(std::stoll(text, &used));
      if (used == text.size()) return;
    } catch (const std::logic_error&) {
    }
    throw Error(fmt::format("the picture's parameters say \"{}: {}\"", key, text),
                "that should be a number");
  }
}

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Other programs' words for what we call otherwise.
void translate(const Infotext& info, GenerateRequest& request) {
  std::string spacing = lower(request.spacing);
  std::replace(spacing.begin(), spacing.end(), ' ', '_');
  request.spacing = spacing == "automatic" || spacing == "uniform" ? "" : spacing;
  const auto* version = info.find("Version");
  const bool ours = version && version->starts_with("Sumi");
  // Before it was a choice, everything was computed in 32 bits.
  if (ours && !info.find(key_of("precision"))) request.precision = "fp32";
  const auto rng = lower(request.rng);
  // A1111 draws on the GPU unless it says otherwise.
  if (info.find("RNG"))
    request.rng = rng == "nv" || rng == "gpu" ? "gpu" : "cpu";
  else if (!ours)
    request.rng = "gpu";
}

}  // namespace

std::string infotext_of(const GenerateRequest& request, std::int64_t seed) {
  Infotext info{request.prompt, request.negative_prompt, {}};
  const auto add = [&](std::string key, std::string value) {
    info.parameters.emplace_back(std::move(key), std::move(value));
  };
  const GenerateRequest plain;
  GenerateRequest::fields(plain, [&](const char* name, const auto& initial, const char*) {
    const std::string field = name;
    if (field == "seed") add("Seed", fmt::format("{}", seed));
    if (field == "width") add("Size", fmt::format("{}x{}", request.width, request.height));
    if (stands_elsewhere(field)) return;
    GenerateRequest::fields(request, [&](const char* other, const auto& value, const char*) {
      if constexpr (std::is_same_v<decltype(value), decltype(initial)>)
        if (field == other && (value != initial || field == "rng"))
          add(key_of(field), text_of(value));
    });
  });
  add("Version", "Sumi 0.1.0");
  return write_infotext(info);
}

GenerateRequest request_from_infotext(const std::string& infotext) {
  const auto info = parse_infotext(infotext);
  GenerateRequest request;
  request.prompt = info.prompt;
  request.negative_prompt = info.negative_prompt;
  GenerateRequest::fields(request, [&](const char* name, auto& value, const char*) {
    if (stands_elsewhere(name)) return;
    const auto key = key_of(name);
    if (const auto* text = info.find(key)) read_value(key, *text, value);
  });
  if (const auto* seed = info.find("Seed")) read_value("Seed", *seed, request.seed);
  if (const auto* size = info.find("Size"))
    std::tie(request.width, request.height) = parse_size(*size);
  translate(info, request);
  return request;
}

}  // namespace sumi
