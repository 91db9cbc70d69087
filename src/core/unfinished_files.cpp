#include "core/unfinished_files.h"

#include <algorithm>
#include <string>
#include <vector>

namespace sumi {
namespace fs = std::filesystem;
namespace {

bool is_unfinished(const fs::path& file) {
  constexpr std::size_t kRandom = 6;
  if (file.extension() != ".partial") return false;
  const std::string random = file.stem().extension().string();  // with its point
  return random.size() == 1 + kRandom && std::all_of(random.begin() + 1, random.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
         });
}

}  // namespace

void remove_unfinished_files(const fs::path& folder) {
  std::error_code failed;
  std::vector<fs::path> unfinished;
  for (fs::recursive_directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::error_code unknown;
    if (entry->is_regular_file(unknown) && is_unfinished(entry->path()))
      unfinished.push_back(entry->path());
  }
  for (const auto& file : unfinished) fs::remove(file, failed);
}

}  // namespace sumi
