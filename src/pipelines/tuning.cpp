#include "pipelines/tuning.h"

#include <algorithm>
#include <system_error>

#include "core/files.h"
#include "core/log.h"
#include "core/paths.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

fs::path tuning_file() { return cache_directory() / "tuning.json"; }

bool same_case(const Tuning& a, const Tuning& b) {
  return a.model == b.model && a.processor == b.processor && a.width == b.width &&
         a.height == b.height;
}

/// What cannot be read is as good as forgotten: it can be measured again.
std::vector<Tuning> all_tunings() {
  if (!fs::exists(tuning_file())) return {};
  try {
    const Json entries = read_json(tuning_file());
    std::vector<Tuning> all;
    for (const auto& entry : entries) from_json(entry, all.emplace_back(), tuning_file().string());
    return all;
  } catch (const Error& fault) {
    spdlog::warn("{}; what sumi tune remembered is left out", fault.what());
    return {};
  }
}

void save(const std::vector<Tuning>& all) {
  Json entries = Json::array();
  for (const auto& tuning : all) entries.push_back(to_json(tuning));
  write_file(tuning_file(), entries.dump(1));
}

}  // namespace

std::string model_identity(const fs::path& model) {
  std::uintmax_t bytes = 0;
  if (fs::is_directory(model)) {
    for (const auto& entry : fs::recursive_directory_iterator(model))
      if (entry.is_regular_file()) bytes += entry.file_size();
  } else {
    bytes = fs::file_size(model);
  }
  return fmt::format("{} ({} bytes)", fs::canonical(model).string(), bytes);
}

std::optional<Tuning> find_tuning(const std::string& model, const std::string& processor, int width,
                                  int height) {
  for (const auto& tuning : all_tunings()) {
    if (tuning.model != model || tuning.processor != processor) continue;
    const bool own = width == 0 && height == 0;
    if (own ? tuning.own_size : tuning.width == width && tuning.height == height) return tuning;
  }
  return std::nullopt;
}

void remember(const Tuning& tuning) {
  auto all = all_tunings();
  std::erase_if(all, [&](const Tuning& other) { return same_case(other, tuning); });
  all.push_back(tuning);
  save(all);
}

int forget_tuning(const std::string& model, const std::string& processor) {
  auto all = all_tunings();
  const auto count = std::erase_if(all, [&](const Tuning& tuning) {
    return tuning.model == model && tuning.processor == processor;
  });
  if (count > 0) save(all);
  return static_cast<int>(count);
}

}  // namespace sumi
