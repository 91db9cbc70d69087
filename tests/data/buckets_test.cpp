#include "data/buckets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/permutation.h"
#include "media/geometry.h"
#include "media/resize.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

TEST(Permutation, EveryPlaceOnceAndAnotherOrderForEachKey) {
  for (const std::uint64_t count : {1u, 2u, 3u, 5u, 16u, 17u, 1000u}) {
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto place = shuffled_place(i, count, 7);
      EXPECT_LT(place, count);
      seen.insert(place);
    }
    EXPECT_EQ(seen.size(), count);
  }
  // A random order has one fixed point on average; a neighbour stays a neighbour seldom.
  int fixed = 0, neighbours = 0;
  for (std::uint64_t key = 0; key < 100; ++key)
    for (std::uint64_t i = 0; i + 1 < 100; ++i) {
      const auto here = shuffled_place(i, 100, key), next = shuffled_place(i + 1, 100, key);
      fixed += here == i;
      neighbours += next == here + 1;
    }
  EXPECT_NEAR(fixed, 100, 50);
  EXPECT_NEAR(neighbours, 99, 50);
}

TEST(BucketSizes, CoverTheAreaInSteps) {
  const auto sizes = bucket_sizes(512, {64, 2});
  EXPECT_THAT(sizes,
              testing::ElementsAre(PixelSize{384, 640}, PixelSize{448, 576}, PixelSize{512, 512},
                                   PixelSize{576, 448}, PixelSize{640, 384}));
  for (const int size_px : {64, 128, 256, 768, 1024})
    for (const int step : {8, 16, 32, 64}) {
      for (const auto& size : bucket_sizes(size_px, {step, 3})) {
        EXPECT_LE(size.width * size.height, size_px * size_px);
        EXPECT_EQ(size.width % step + size.height % step, 0);
        EXPECT_LE(std::max(size.width, size.height), 3 * std::min(size.width, size.height));
        EXPECT_GT(
            (std::min(size.width, size.height) + step) * (std::max(size.width, size.height) + step),
            size_px * size_px);
      }
    }
  EXPECT_THROW(bucket_sizes(512, {0, 2}), Error);
  EXPECT_THROW(bucket_sizes(512, {1024, 2}), Error);
  EXPECT_THROW(bucket_sizes(512, {64, 0.5}), Error);
}

TEST(BucketSizes, NearestByRatio) {
  const auto sizes = bucket_sizes(512, {64, 2});
  const auto of = [&](int width, int height) {
    return sizes[nearest_size(sizes, {width, height})];
  };
  EXPECT_EQ(of(4000, 3000), (PixelSize{576, 448}));
  EXPECT_EQ(of(3000, 4000), (PixelSize{448, 576}));
  EXPECT_EQ(of(100, 101), (PixelSize{512, 512}));
  EXPECT_EQ(of(5000, 100), (PixelSize{640, 384}));
}

/// Pictures of three shapes, seven hundred in all, and five of a fourth.
std::vector<PixelSize> shapes() {
  std::vector<PixelSize> result;
  for (int i = 0; i < 700; ++i)
    result.push_back(i % 7 < 3   ? PixelSize{512, 512}
                     : i % 7 < 5 ? PixelSize{640, 384}
                                 : PixelSize{448, 576});
  for (int i = 0; i < 5; ++i) result.push_back({384, 640});
  return result;
}

TEST(Buckets, TooSmallOnesAreGivenUp) {
  const auto pictures = shapes();
  const auto sizes = bucket_sizes(512, {64, 2});
  const auto buckets = fill_buckets(pictures, sizes, 8);
  std::size_t total = 0;
  for (const auto& bucket : buckets) {
    EXPECT_GE(bucket.pictures.size(), 8u);
    total += bucket.pictures.size();
  }
  EXPECT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[0].size, (PixelSize{448, 576}));
  EXPECT_EQ(buckets[0].pictures.size(), 205u);
  EXPECT_EQ(total, pictures.size());
  EXPECT_EQ(fill_buckets(std::vector<PixelSize>{{9, 9}}, sizes, 100).size(), 1u);
}

TEST(BucketOrder, EachPictureEquallyOftenAndEachGroupFromOneBucket) {
  constexpr int kGroup = 8;
  const auto pictures = shapes();
  const BucketOrder order(fill_buckets(pictures, bucket_sizes(512, {64, 2}), kGroup), kGroup, 3);
  std::map<std::uint32_t, int> times;
  std::vector<double> groups(order.buckets().size());
  const auto cycle = pictures.size();
  for (std::uint64_t number = 0; number < 2 * cycle; ++number) {
    const auto bucket = order.at(number * kGroup).bucket;
    std::set<std::uint32_t> batch;
    for (std::uint64_t i = 0; i < kGroup; ++i) {
      const auto place = order.at(number * kGroup + i);
      EXPECT_EQ(place.bucket, bucket);
      EXPECT_EQ(place.visit, static_cast<std::uint64_t>(times[place.picture]++));
      batch.insert(place.picture);
    }
    // Only where one pass ends and the next begins may a picture come twice in a batch.
    EXPECT_GE(batch.size(), kGroup / 2u);
    ++groups[bucket];
    for (std::size_t b = 0; b < groups.size(); ++b) {
      const double share = static_cast<double>(order.buckets()[b].pictures.size()) /
                           static_cast<double>(cycle) * static_cast<double>(number + 1);
      EXPECT_LE(std::abs(groups[b] - share), 1.0 + static_cast<double>(groups.size()));
    }
    if (number + 1 == cycle) {
      for (const auto& [picture, count] : times) EXPECT_EQ(count, kGroup);
    }
  }
  EXPECT_EQ(times.size(), pictures.size());
  // Another seed, another order; the same seed, the same one.
  const BucketOrder again(order.buckets(), kGroup, 3), other(order.buckets(), kGroup, 4);
  int same = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    EXPECT_EQ(again.at(i).picture, order.at(i).picture);
    same += other.at(i).picture == order.at(i).picture;
  }
  EXPECT_LT(same, 60);
}

TEST(Framing, TheMiddleIsWhatResizeToCoverGives) {
  Image picture{31, 17, 3, {}};
  for (int i = 0; i < 31 * 17 * 3; ++i) picture.pixels.push_back(static_cast<std::uint8_t>(i * 37));
  EXPECT_EQ(framed(picture, {16, 16}), resize_to_cover(picture, 16, 16));
  EXPECT_EQ(framed(picture, {24, 8}), resize_to_cover(picture, 24, 8));
  EXPECT_EQ(framed(picture, {16, 16, 0.5, 0.5, true}),
            flip_horizontal(resize_to_cover(picture, 16, 16)));
}

TEST(Framing, CropsStayInsideAndVariantsComeAgain) {
  const Image picture = filled_image(40, 16, std::vector<std::uint8_t>{9, 8, 7});
  const FramingConfig config{true, 0.5, 3};
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto framing = draw_framing(config, 16, 16, 5, "a", i);
    EXPECT_EQ(framed(picture, framing).width, 16);
    seen.insert(describe(framing));
    EXPECT_EQ(describe(framing), describe(draw_framing(config, 16, 16, 5, "a", i + 3)));
  }
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_NE(describe(draw_framing(config, 16, 16, 5, "a", 0)),
            describe(draw_framing(config, 16, 16, 5, "b", 0)));
  EXPECT_EQ(describe(draw_framing({}, 16, 16, 5, "a", 0)), describe(Framing{16, 16}));
  EXPECT_THROW(check(FramingConfig{false, 1.5, 0}), Error);
  EXPECT_THROW(check(FramingConfig{false, 0, -1}), Error);
}

/// Sixty pictures of four shapes; every tenth is damaged behind its header.
class ShapedFolder : public testing::Test {
 protected:
  ShapedFolder() {
    for (int i = 0; i < 60; ++i) {
      const auto file = folder_.path() / fmt::format("p{:03}.png", i);
      const std::array<std::uint8_t, 3> colour = {static_cast<std::uint8_t>(i), 90, 200};
      const int width = i % 4 == 0 ? 24 : i % 4 == 1 ? 48 : 32, height = i % 4 == 2 ? 24 : 32;
      save_image(file, filled_image(width, height, colour));
      write_file(folder_.path() / fmt::format("p{:03}.txt", i), fmt::format("picture {}", i));
      if (i % 10 == 4) {
        auto bytes = read_text_file(file);
        bytes[bytes.size() - 18] ^= 5;  // in the pixels' checksum
        write_file(file, bytes);
      }
    }
    write_file(folder_.path() / "broken.png", "no picture");
    config_.folders = {{folder_.path().string(), "", false, 1}};
    config_.size_px = 32;
    config_.split = "scorer";
    config_.buckets = {8, 2};
  }
  TemporaryDirectory folder_, cache_;
  DatasetConfig config_;
};

TEST_F(ShapedFolder, BatchesHaveOneShapeAndGoOnWhereTheyStopped) {
  const Dataset dataset(config_, cache_.path());
  EXPECT_THAT(dataset.damaged(), testing::ElementsAre(testing::HasSubstr("broken.png")));
  LoaderOptions options;
  options.batch_size = 6;
  options.in_place = true;
  const auto order = std::make_shared<const BucketOrder>(dataset.order(options.batch_size));
  EXPECT_GE(order->buckets().size(), 3u);
  std::vector<std::string> all;
  std::uint64_t damaged = 0;
  for (const int threads : {1, 4}) {
    options.threads = threads;
    Loader loader(samples_of(dataset, order), options);
    std::vector<std::string> captions;
    for (int b = 0; b < 61; ++b) {
      const auto batch = loader.next();
      for (const auto& sample : batch.samples) {
        EXPECT_EQ(sample.picture.width, batch.samples.front().picture.width);
        EXPECT_EQ(sample.picture.height, batch.samples.front().picture.height);
        EXPECT_NE(std::stoi(sample.caption.substr(8)) % 10, 4);
        captions.push_back(sample.caption);
      }
    }
    EXPECT_EQ(loader.position(), 61u * 6);
    EXPECT_GT(loader.damage().count, 20u);
    if (threads == 1) all = captions, damaged = loader.damage().count;
    EXPECT_EQ(captions, all);
    EXPECT_EQ(loader.damage().count, damaged);
  }
  Loader first(samples_of(dataset, order), options);
  std::vector<std::string> parts;
  for (int b = 0; b < 20; ++b)
    for (const auto& sample : first.next().samples) parts.push_back(sample.caption);
  Loader second(samples_of(dataset, order), options, first.position(), first.damage().count);
  for (int b = 20; b < 61; ++b)
    for (const auto& sample : second.next().samples) parts.push_back(sample.caption);
  EXPECT_EQ(parts, all);
}

TEST_F(ShapedFolder, WholeWeightsRepeatPictures) {
  config_.folders[0].weight = 3;
  const Dataset dataset(config_, cache_.path());
  std::size_t entries = 0;
  const auto order = dataset.order(4);
  for (const auto& bucket : order.buckets()) entries += bucket.pictures.size();
  EXPECT_EQ(entries, 180u);
  config_.folders[0].weight = 0.5;
  EXPECT_THROW(Dataset(config_, cache_.path()), Error);
}

TEST_F(ShapedFolder, WhatIsKeptIsNotDecodedAgain) {
  config_.framing = {true, 0.5, 2};
  const Dataset dataset(config_, cache_.path());
  EXPECT_EQ(dataset.why_endless(), "");
  const auto order = dataset.order(4);
  std::map<std::string, Image> kept;
  const Recall recall = [&](const std::string& key) {
    return std::vector<std::byte>(kept.contains(key) ? 1 : 0);
  };
  int recalled = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const auto sample = dataset.at(order, i, recall), plain = dataset.at(order, i);
    EXPECT_TRUE(plain.key.empty());
    EXPECT_EQ(sample.caption, plain.caption);
    ASSERT_FALSE(sample.key.empty());
    if (sample.recalled.empty()) {
      EXPECT_EQ(sample.picture, plain.picture);
      kept[sample.key] = sample.picture;
    } else {
      ++recalled;
      EXPECT_EQ(sample.picture.width, plain.picture.width);
      EXPECT_TRUE(sample.picture.pixels.empty());
      EXPECT_EQ(kept.at(sample.key), plain.picture);
    }
  }
  EXPECT_GT(recalled, 200);
  EXPECT_LE(kept.size(), 2u * 54);
  config_.framing.variants = 0;
  EXPECT_THAT(Dataset(config_, cache_.path()).why_endless(), testing::HasSubstr("variants"));
}

}  // namespace
}  // namespace sumi
