#include <fmt/core.h>

#include <filesystem>

#include "core/files.h"
#include "seeds.h"

namespace {

void write_all(const std::filesystem::path& folder, const std::vector<std::string>& files) {
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < files.size(); ++i)
    sumi::write_file(folder / fmt::format("seed-{}", i), std::string_view(files[i]));
}

}  // namespace

int main(int count, char** arguments) {
  const std::filesystem::path folder = count > 1 ? arguments[1] : "corpus";
  write_all(folder / "safetensors", sumi::craft::seed_safetensors());
  write_all(folder / "pickle", sumi::craft::seed_pickles());
  auto torch_files = sumi::craft::seed_zips();
  for (const auto& file : sumi::craft::seed_legacy()) torch_files.push_back(file);
  write_all(folder / "torch_file", torch_files);
}
