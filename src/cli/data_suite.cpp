#include <fmt/format.h>

#include <cmath>
#include <thread>

#include "cli/measurement.h"
#include "core/files.h"
#include "core/runtime.h"
#include "data/loader.h"
#include "data/mesh_render.h"
#include "data/near_vectors.h"
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

/// Samples a second of one size, from JPEGs of 512 x 384 in a shard; `shapes`: in buckets.
double loader_rate(const fs::path& shards, int size_px, bool shapes, const BenchCommand& command) {
  constexpr int kBatch = 16, kBatches = 16;
  DatasetConfig config;
  config.folders.emplace_back();
  config.folders[0].path = shards.string();
  config.size_px = size_px;
  config.split = "scorer";
  if (shapes) config.buckets.step_px = size_px / 8;
  const Dataset dataset(config, shards);
  LoaderOptions options;
  options.batch_size = kBatch;
  options.threads = threads_of(command);
  options.in_place = shapes;
  const auto source =
      shapes ? samples_of(dataset, std::make_shared<const BucketOrder>(dataset.order(kBatch)))
             : samples_of(dataset);
  std::vector<double> rates;
  for (int i = 0; i < command.repeats; ++i) {
    Loader loader(source, options);
    const double seconds = seconds_of([&] {
      for (int b = 0; b < kBatches; ++b) loader.next();
    });
    rates.push_back(kBatch * kBatches / seconds);
  }
  return median(rates);
}

/// Training samples of 256 x 256 and 128 x 128, all threads making.
Json measure_loader(const BenchCommand& command) {
  const TemporaryDirectory folder;
  write_shard(folder.path(), 64, 512, 384);
  const auto rate = [&](int size_px, bool shapes) {
    return loader_rate(folder.path(), size_px, shapes, command);
  };
  return {{"value", rate(256, false)},
          {"threads", threads_of(command)},
          {"size_px", 256},
          {"also",
           {{"rates",
             {{"loader_samples_per_s_128px", rate(128, false)},
              {"loader_samples_per_s_256px_buckets", rate(256, true)}}}}}};
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

/// Seconds in which near-duplicates are found among a hundred thousand pictures, a twentieth of
/// which have one: by 64-bit hashes, and by vectors of 128 numbers as a scorer gives them.
Json measure_near(const BenchCommand&) {
  constexpr std::size_t kPictures = 100'000, kWidth = 128, kPlanted = kPictures / 20;
  Random random(1, 0, 0);
  std::vector<std::uint64_t> hashes;
  std::vector<float> vectors(kPictures * kWidth);
  for (std::size_t i = 0; i < kPictures; ++i) {
    const bool copy = i >= kPictures - kPlanted;
    const auto of = copy ? i - kPlanted : i;
    hashes.push_back(copy ? hashes[of] ^ (1u << (i % 31)) : random.bits());
    double square = 0;
    for (std::size_t k = 0; k < kWidth; ++k) {
      const double start = copy ? vectors[of * kWidth + k] : 0;
      const double number = start + random.between(-1, 1) * (copy ? 0.01 : 1);
      vectors[i * kWidth + k] = static_cast<float>(number);
      square += number * number;
    }
    for (std::size_t k = 0; k < kWidth; ++k)
      vectors[i * kWidth + k] /= static_cast<float>(std::sqrt(square));
  }
  const auto before = peak_memory_bytes();
  std::size_t by_hash = 0, by_vector = 0;
  const double hash_seconds = seconds_of([&] { by_hash = near_pairs(hashes, 4).size(); });
  const double vector_seconds =
      seconds_of([&] { by_vector = near_vectors(vectors, kWidth, 0.99).size(); });
  return {{"value", vector_seconds},
          {"pictures", kPictures},
          {"planted", kPlanted},
          {"pairs_by_hash", by_hash},
          {"pairs_by_vector", by_vector},
          {"more_peak_memory_bytes", peak_memory_bytes() - before},
          {"also", {{"seconds", {{"near_hashes_100k", hash_seconds}}}}}};
}

/// A vase of `rings` x `sides` quads as OBJ text.
std::string made_model(int rings, int sides) {
  std::string text;
  for (int ring = 0; ring <= rings; ++ring)
    for (int side = 0; side < sides; ++side) {
      const double height = 2.0 * ring / rings, turn = 6.283185307 * side / sides;
      const double radius = 0.5 + 0.25 * std::sin(5 * height);
      text += fmt::format("v {:.6f} {:.6f} {:.6f}\n", radius * std::cos(turn), height,
                          radius * std::sin(turn));
    }
  for (int ring = 0; ring < rings; ++ring)
    for (int side = 0; side < sides; ++side) {
      const int below = ring * sides + 1, next = (side + 1) % sides;
      text += fmt::format("f {} {} {} {}\n", below + side, below + next, below + sides + next,
                          below + sides + side);
    }
  return text;
}

/// Pictures of 256 x 256 that one core draws a second of a model of 10,000 triangles, and models of
/// that size that it reads.
Json measure_models(const BenchCommand& command) {
  constexpr int kSides = 12, kSize_px = 256;
  const auto text = made_model(50, 100);
  std::vector<double> drawn, read;
  for (int i = 0; i < command.repeats; ++i) {
    Mesh mesh;
    read.push_back(1 /
                   seconds_of([&] { mesh = make_mesh(parse_obj(text, "vase"), {}, {}, "vase"); }));
    RenderOptions options;
    options.camera.elevation_deg = 16;
    drawn.push_back(kSides / seconds_of([&] {
                      for (int side = 0; side < kSides; ++side) {
                        options.camera.azimuth_deg = 360.0 * side / kSides;
                        render_mesh(mesh, kSize_px, options, "vase");
                      }
                    }));
  }
  return {{"value", median(drawn)},
          {"triangles", 10'000},
          {"size_px", kSize_px},
          {"also", {{"rates", {{"models_read_per_s", median(read)}}}}}};
}

constexpr Measurement kData[] = {
    {"rates", "loader_samples_per_s", measure_loader},
    {"rates", "inspect_per_minute_and_core", measure_inspect},
    {"rates", "model_pictures_per_s", measure_models},
    {"seconds", "near_vectors_100k", measure_near},
};

}  // namespace

std::span<const Measurement> data_suite() { return kData; }

}  // namespace sumi
