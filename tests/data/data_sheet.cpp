/// Draws a contact sheet of a dataset's first samples and says how many a second one core makes.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "core/error.h"
#include "core/paths.h"
#include "data/dataset.h"
#include "data/sources.h"
#include "media/contact_sheet.h"

namespace {

void run(const std::string& config_file, const std::string& target, const std::string& split) {
  using namespace sumi;
  auto config = read_dataset_config(config_file);
  if (!split.empty()) config.split = split;
  const auto cache = cache_directory();
  const auto sink = terminal_progress("file");
  for (const auto& id : config.sources) fetch(find_source(id), cache, sink);
  const auto started = std::chrono::steady_clock::now();
  const Dataset dataset(config, cache, sink);
  const auto seconds = [&](auto since) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
  };
  fmt::print("opened in {:.1f} s: {} pictures of {} things, {} damaged\n", seconds(started),
             dataset.rows().size(), dataset.concepts().size(), dataset.damaged().size());
  for (const auto& line : dataset.damaged()) fmt::print("  {}\n", line);

  std::vector<Image> pictures;
  std::vector<std::string> captions;
  for (std::uint64_t i = 0; i < 64; ++i) {
    auto sample = dataset.at(i);
    pictures.push_back(std::move(sample.picture));
    captions.push_back(std::move(sample.caption));
  }
  for (std::uint64_t i = 0; i < 16; ++i) fmt::print("{}\n", dataset.caption_at(i + 64));
  const auto timed = std::chrono::steady_clock::now();
  constexpr int kCount = 2000;
  for (int i = 0; i < kCount; ++i) dataset.at(static_cast<std::uint64_t>(i));
  fmt::print("{:.0f} samples/s on one core at {} px\n", kCount / seconds(timed), config.size_px);
  SheetOptions options;
  options.columns = 8;
  options.cell = 160;
  options.label_lines = 3;
  if (!target.empty()) save_image(target, contact_sheet(pictures, captions, options));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print("data_sheet CONFIG [OUT.png [SPLIT]]\n");
    return 2;
  }
  try {
    run(arguments[1], count > 2 ? arguments[2] : "", count > 3 ? arguments[3] : "");
  } catch (const sumi::Error& error) {
    fmt::print(stderr, "{}\n{}\n", error.what(), error.hint());
    return 2;
  }
}
