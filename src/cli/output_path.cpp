#include "cli/output_path.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/files.h"
#include "media/image.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

bool is_folder(const std::string& output) {
  return output.ends_with('/') || fs::is_directory(output);
}

}  // namespace

fs::path output_path(const std::string& output, std::int64_t seed, bool several) {
  if (output.empty()) return fmt::format("sumi-{}.png", seed);
  if (is_folder(output)) return fs::path(output) / fmt::format("{}.png", seed);
  if (!several) return output;
  const fs::path file = output;
  return file.parent_path() /
         fmt::format("{}-{}{}", file.stem().string(), seed, file.extension().string());
}

void check_writable(const fs::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (!fs::is_directory(folder))
    throw Error(
        fmt::format("{} cannot be written: there is no folder {}", file.string(), folder.string()),
        fmt::format("mkdir -p {}", folder.string()));
  const AtomicFile probe(file);  // gone again without commit()
}

void check_output(const std::string& output) {
  if (output.ends_with('/')) {
    std::error_code fault;
    fs::create_directories(output, fault);
    if (fault)
      throw Error(fmt::format("the folder {} cannot be made: {}", output, fault.message()),
                  "choose another --output");
  }
  const auto file = output_path(output, 0, false);
  format_of(file);
  check_writable(file);
}

}  // namespace sumi
