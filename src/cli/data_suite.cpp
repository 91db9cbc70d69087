#include <cmath>
#include <thread>

#include "cli/measurement.h"
#include "core/files.h"
#include "data/loader.h"
#include "data/random.h"
#include "data/shard.h"
#include "data/survey.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

/// A picture with slopes, edges and grain, so that its JPEG is about as large as a photograph's.
Image made_picture(int width, int height, std::uint64_t seed) {
  Random random(seed, 0, 0);
  const double turn = random.between(0, 6.28), pace = random.between(0.005, 0.03);
  Image image{width, height, 3, {}};
  image.pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double slope = std::sin((x * std::cos(turn) + y * std::sin(turn)) * pace);
      const bool tile = ((x / 97 + y / 61 + static_cast<int>(seed)) & 3) == 0;
      const auto grain = static_cast<double>(random.bits() & 15);
      for (int c = 0; c < 3; ++c)
        image.pixels.push_back(
            static_cast<std::uint8_t>(110 + 70 * slope + (tile ? 25 - 20 * c : 0) + grain));
    }
  return image;
}

void write_shard(const fs::path& folder, int count, int width, int height) {
  ShardWriter writer(folder, "bench", std::uint64_t{1} << 40);
  SaveOptions options;
  options.format = ImageFormat::jpeg;
  options.quality = 90;
  for (int i = 0; i < count; ++i) {
    const auto bytes = encode_image(made_picture(width, height, static_cast<unsigned>(i)), options);
    const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const ShardWriter::Part parts[] = {{"jpg", content}, {"txt", "slopes and tiles"}};
    writer.add(std::to_string(i), parts);
  }
  writer.finish();
}

int threads_of(const BenchCommand& command) {
  return command.machine.threads > 0
             ? command.machine.threads
             : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

/// Training samples of 256 x 256 from JPEGs of 512 x 384 in a shard, all threads making.
Json measure_loader(const BenchCommand& command) {
  constexpr int kBatch = 16, kBatches = 16;
  const TemporaryDirectory folder;
  write_shard(folder.path(), 64, 512, 384);
  DatasetConfig config;
  config.folders.emplace_back();
  config.folders[0].path = folder.path().string();
  config.size_px = 256;
  config.split = "scorer";
  const Dataset dataset(config, folder.path());
  std::vector<double> rates;
  for (int i = 0; i < command.repeats; ++i) {
    LoaderOptions options;
    options.batch_size = kBatch;
    options.threads = threads_of(command);
    Loader loader(samples_of(dataset), options);
    const double seconds = seconds_of([&] {
      for (int b = 0; b < kBatches; ++b) loader.next();
    });
    rates.push_back(kBatch * kBatches / seconds);
  }
  return {{"value", median(rates)}, {"threads", threads_of(command)}, {"size_px", 256}};
}

/// Pictures of one megapixel that `sumi data inspect` measures a minute and core.
Json measure_inspect(const BenchCommand& command) {
  const TemporaryDirectory folder;
  write_shard(folder.path(), 48, 1152, 868);
  const fs::path paths[] = {folder.path()};
  SurveyOptions options;
  options.threads = threads_of(command);
  std::vector<double> rates;
  for (int i = 0; i < command.repeats; ++i) {
    const auto survey = take_survey(collect(paths), options);
    rates.push_back(static_cast<double>(survey.facts.size()) / survey.seconds * 60 /
                    survey.threads);
  }
  return {{"value", median(rates)}, {"threads", options.threads}, {"megapixels", 1.0}};
}

constexpr Measurement kData[] = {
    {"rates", "loader_samples_per_s", measure_loader},
    {"rates", "inspect_per_minute_and_core", measure_inspect},
};

}  // namespace

std::span<const Measurement> data_suite() { return kData; }

}  // namespace sumi
