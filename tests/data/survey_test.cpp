#include "data/survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "data/caption_measures.h"
#include "data/curate.h"
#include "data/random.h"
#include "data/report_page.h"
#include "data/shard.h"
#include "media/colour.h"
#include "media/geometry.h"
#include "media/reduced.h"
#include "media/resize.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// A scene that differs for each seed: slopes, discs and edges, no noise.
Image scene(std::uint64_t seed, int width = 320, int height = 240) {
  Random random(seed, 7, 0);
  Image image{width, height, 3, {}};
  const double turn = random.between(0, 6.28);
  std::array<std::array<double, 6>, 5> discs{};
  for (auto& disc : discs)
    for (auto& value : disc) value = random.real();
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double u = static_cast<double>(x) / width, v = static_cast<double>(y) / height;
      std::array<double, 3> colour;
      colour.fill(100 + 60 * std::sin(4 * (u * std::cos(turn) + v * std::sin(turn))));
      for (const auto& disc : discs)
        if (std::hypot(u - disc[0], v - disc[1]) < 0.08 + 0.2 * disc[2])
          colour = {250 * disc[3], 250 * disc[4], 250 * disc[5]};
      for (const double value : colour)
        image.pixels.push_back(static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0)));
    }
  return image;
}

Image with_noise(Image image, double deviation, std::uint64_t seed = 1) {
  Random random(seed, 0, 0);
  for (auto& value : image.pixels) {
    const double normal =
        std::sqrt(-2 * std::log(1 - random.real())) * std::cos(6.283185307 * random.real());
    value = static_cast<std::uint8_t>(std::clamp(value + deviation * normal, 0.0, 255.0));
  }
  return image;
}

Image through_jpeg(const Image& image, int quality) {
  SaveOptions options;
  options.format = ImageFormat::jpeg;
  options.quality = quality;
  return decode_image(encode_image(image, options), "test");
}

TEST(PerceptualHash, SurvivesWhatCopiesGoThrough) {
  const auto original = scene(1);
  const auto hash = perceptual_hash(to_gray(original));
  EXPECT_LE(hash_distance(hash, perceptual_hash(to_gray(through_jpeg(original, 40)))), 4);
  EXPECT_LE(hash_distance(hash, perceptual_hash(to_gray(resize(original, 137, 103)))), 4);
  EXPECT_LE(hash_distance(hash, perceptual_hash(to_gray(with_noise(original, 6)))), 4);
  int near = 0;
  for (std::uint64_t seed = 2; seed < 200; ++seed)
    near += hash_distance(hash, perceptual_hash(to_gray(scene(seed)))) <= 8;
  EXPECT_LE(near, 1);
}

TEST(NearPairs, AreThoseOfComparingAll) {
  Random random(3, 0, 0);
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 400; ++i) {
    hashes.push_back(i % 3 == 0 || hashes.empty() ? random.bits()
                                                  : hashes[random.below(hashes.size())]);
    for (std::size_t flips = random.below(9); i % 3 == 1 && flips > 0; --flips)
      hashes.back() ^= std::uint64_t{1} << random.below(64);
  }
  for (const int distance : {0, 1, 3, 6, 8, 12}) {
    const auto pairs = near_pairs(hashes, distance);
    std::vector<NearPair> all;
    for (std::uint32_t a = 0; a < hashes.size(); ++a)
      for (std::uint32_t b = a + 1; b < hashes.size(); ++b)
        if (hash_distance(hashes[a], hashes[b]) <= distance) all.push_back({a, b});
    EXPECT_EQ(joined_groups(hashes.size(), pairs), joined_groups(hashes.size(), all)) << distance;
    for (const auto& pair : pairs)
      EXPECT_LE(hash_distance(hashes[pair.a], hashes[pair.b]), distance);
    EXPECT_TRUE(std::adjacent_find(pairs.begin(), pairs.end()) == pairs.end());
  }
}

TEST(Measures, NoiseIsTheDeviationThatWasAdded) {
  EXPECT_LT(measure_picture(scene(1)).noise, 0.5);
  for (const double deviation : {4.0, 10.0, 20.0})
    EXPECT_NEAR(measure_picture(with_noise(scene(1), deviation)).noise, 0.77 * deviation,
                0.2 * deviation)
        << "luma of three independent channels has 0.66 of it, quarters less";
}

TEST(Measures, BlurLowersSharpnessAndQualityRaisesBlocks) {
  const auto sharp = with_noise(scene(2), 3);
  const auto blurred = resize(resize(sharp, 40, 30), 320, 240, Filter::bicubic);
  EXPECT_GT(measure_picture(sharp).sharpness, 10 * measure_picture(blurred).sharpness);
  EXPECT_LT(measure_picture(sharp).blockiness, 0.1);
  EXPECT_GT(measure_picture(through_jpeg(sharp, 5)).blockiness, 0.5);
  EXPECT_GT(measure_picture(through_jpeg(sharp, 5)).blockiness,
            measure_picture(through_jpeg(sharp, 40)).blockiness);
  EXPECT_EQ(measure_picture(through_jpeg(sharp, 5), 2).blockiness, 0);
}

TEST(Measures, BarsAreBordersAndPlainGroundsAreNot) {
  const auto picture = with_noise(scene(3), 2);
  EXPECT_EQ(measure_picture(picture).border, 0);
  EXPECT_NEAR(measure_picture(pad(picture, 0, 40, 0, 40, {0, 0, 0, 255})).border, 80.0 / 320, 0.02);
  EXPECT_NEAR(measure_picture(pad(picture, 40, 0, 40, 0, {255, 255, 255, 255})).border, 0.2, 0.02);
  Image thing = pad(Image{1, 1, 3, {255, 255, 255}}, 99, 99, 100, 100, {255, 255, 255, 255});
  for (int y = 0; y < 200; ++y)
    for (int x = 0; x < 200; ++x)
      if (std::hypot(x - 100, y - 100) < 60)
        thing.pixels[static_cast<std::size_t>((y * 200 + x) * 3)] = 10;
  EXPECT_EQ(measure_picture(thing).border, 0);
  const std::uint8_t gray[] = {90, 90, 90};
  const auto flat = measure_picture(filled_image(64, 64, gray));
  EXPECT_EQ(flat.contrast, 0);
  EXPECT_EQ(flat.plain, 1);
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(2, 300), std::pair(17, 5)})
    EXPECT_NO_THROW(measure_picture(scene(1, width, height)));
}

TEST(Reduced, JpegsAreDecodedSmallAndTellTheirQuality) {
  const auto picture = scene(4, 801, 603);
  for (const int quality : {10, 50, 75, 92}) {
    SaveOptions options;
    options.format = ImageFormat::jpeg;
    options.quality = quality;
    const auto bytes = encode_image(picture, options);
    const auto small = decode_reduced(bytes, "test", 150);
    EXPECT_EQ(small.denominator, 4);
    EXPECT_EQ(small.image.width, 201);
    EXPECT_EQ(small.width, 801);
    EXPECT_EQ(small.height, 603);
    EXPECT_NEAR(small.jpeg_quality, quality, 1);
    EXPECT_EQ(decode_reduced(bytes, "test", 604).image, decode_image(bytes, "test"));
    const auto half = std::span(bytes).first(bytes.size() / 2);
    EXPECT_THROW(decode_reduced(half, "test", 150), Error);
  }
  EXPECT_EQ(decode_reduced(encode_image(picture, {}), "test", 10).image, picture);
}

TEST(Captions, WordsAndLanguages) {
  EXPECT_THAT(caption_words("A dog's life, re-made: 3 \xC3\x84pfel!"),
              ElementsAre("a", "dog's", "life", "re-made", "3", "\xC3\xA4pfel"));
  EXPECT_THAT(caption_words(" - '' "), ElementsAre());
  EXPECT_EQ(guess_language("a photo of the house on a hill"), "en");
  EXPECT_EQ(guess_language("ein Haus auf dem Berg und der See"), "de");
  EXPECT_EQ(guess_language("une maison sur la colline avec des arbres"), "fr");
  EXPECT_EQ(guess_language("una casa con el perro y las flores"), "es");
  EXPECT_EQ(guess_language("\xD0\xBA\xD0\xBE\xD1\x82"), "ru");
  EXPECT_EQ(guess_language("\xE7\x8C\xAB\xE3\x81\xA8\xE7\x8A\xAC"), "ja");
  EXPECT_EQ(guess_language("\xE7\xBA\xA2\xE8\x8B\xB9\xE6\x9E\x9C"), "zh");
  EXPECT_EQ(guess_language("red car"), "und");
}

/// A folder with one of everything that can be wrong.
class Curated : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 30; ++i)
      put(fmt::format("good{:02}", i), with_noise(scene(100 + i), 3, i), "MIT");
    put("copy", with_noise(scene(100), 3, 0), "MIT");
    put("near", resize(with_noise(scene(101), 3, 1), 250, 188), "MIT");
    put("other", with_noise(scene(300), 3), "CC-BY-NC-4.0");
    put("blurred", resize(resize(scene(301), 20, 15), 320, 240, Filter::bicubic), "MIT");
    put("tiny", with_noise(scene(302, 64, 48), 3), "MIT");
    put("mine", with_noise(scene(303), 3), "MIT", "Ann");
    put("refused", with_noise(scene(304), 3), "MIT", "", "\"noai\": true, ");
    write_file(folder_.path() / "broken.png", std::string_view("\x89PNG\r\n\x1a\nnot"));
    write_file(folder_.path() / "orphan.txt", std::string_view("no picture"));
    save_image(folder_.path() / "bare.png", with_noise(scene(305), 3));
  }
  void put(const std::string& name, const Image& image, const std::string& licence,
           const std::string& author = "", const std::string& more = "") {
    save_image(folder_.path() / (name + ".png"), image);
    write_file(folder_.path() / (name + ".json"),
               std::string_view(fmt::format(
                   R"({{{}"caption": "a picture of <{}>", "licence": "{}", "author": "{}"}})", more,
                   name, licence, author)));
  }
  Survey survey(int threads = 2) const {
    SurveyOptions options;
    options.threads = threads;
    const fs::path paths[] = {folder_.path()};
    return take_survey(collect(paths), options);
  }
  static std::string first_reason(const Survey& all, const std::vector<Decision>& decisions,
                                  const std::string& name) {
    for (std::size_t i = 0; i < decisions.size(); ++i)
      if (fs::path(all.data.pictures[i].row.file).stem() == name)
        return decisions[i].kept ? "" : decisions[i].against.front().reason;
    return "absent";
  }
  TemporaryDirectory folder_, out_;
};

TEST_F(Curated, EveryPictureHasItsReason) {
  const auto all = survey();
  CurateOptions options;
  options.licences = {"MIT", "CC0-1.0"};
  options.excluded = {"Ann"};
  const auto decisions = decide(all, options);
  const auto reason = [&](const char* name) { return first_reason(all, decisions, name); };
  EXPECT_EQ(reason("other"), "licence");
  EXPECT_EQ(reason("blurred"), "blurred");
  EXPECT_EQ(reason("tiny"), "too_small");
  EXPECT_EQ(reason("mine"), "excluded");
  EXPECT_EQ(reason("refused"), "opted_out");
  EXPECT_EQ(reason("broken"), "broken");
  EXPECT_EQ(reason("bare"), "licence");
  EXPECT_EQ((std::set<std::string>{reason("copy"), reason("good00")}),
            (std::set<std::string>{"", "duplicate"}));
  EXPECT_EQ(reason("near"), "near_duplicate");
  EXPECT_EQ(reason("good01"), "");
  const auto files = write_curated(all, decisions, options, out_.path() / "new", 1u << 20);
  const auto table = read_text_file(files.decisions);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'),
            static_cast<std::ptrdiff_t>(decisions.size() + 1));
  EXPECT_THAT(table, HasSubstr("too_small,48,128"));
  const auto description = read_json(files.description);
  EXPECT_EQ(description["pictures"], 30);
  EXPECT_EQ(description["licences"]["MIT"], 30);
  EXPECT_EQ(description["captions_without_picture"], 1);
  EXPECT_TRUE(fs::exists(folder_.path() / "blurred.png"));

  const fs::path shards[] = {files.shards.front()};
  const auto again = collect(shards);
  EXPECT_THAT(again.pictures[0].row.caption, HasSubstr("a picture of"));
  EXPECT_EQ(again.pictures[0].row.licence, "MIT");
}

TEST_F(Curated, IsTheSameEachTimeAndOnAnyNumberOfThreads) {
  std::vector<std::string> written;
  for (const int threads : {1, 3}) {
    const auto all = survey(threads);
    const auto decisions = decide(all, {});
    const auto folder = out_.path() / std::to_string(threads);
    const auto files = write_curated(all, decisions, {}, folder, 1u << 20);
    std::string text = read_text_file(files.decisions) + read_text_file(files.kept) +
                       read_text_file(files.description);
    for (const auto& shard : files.shards) text += read_text_file(shard);
    written.push_back(text);
  }
  EXPECT_EQ(written[0], written[1]);
}

TEST_F(Curated, NearDuplicatesStayOnOneSide) {
  const auto all = survey();
  CurateOptions options;
  options.thresholds.keep_near = true;
  options.validation_percent = options.held_out_percent = 40;
  const auto decisions = decide(all, options);
  EXPECT_EQ(first_reason(all, decisions, "near"), "");
  std::map<std::uint32_t, std::string> sides;
  std::set<std::string> used;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    EXPECT_EQ(sides.emplace(all.facts[i].group, decisions[i].split).first->second,
              decisions[i].split);
    used.insert(decisions[i].split);
  }
  EXPECT_LT(sides.size(), decisions.size());
  EXPECT_EQ(used.size(), 3u);
}

TEST_F(Curated, NothingKeptIsAnErrorThatLeavesTheTable) {
  const auto all = survey();
  CurateOptions options;
  options.licences = {"Unlicense"};
  EXPECT_THROW(write_curated(all, decide(all, options), options, out_.path(), 0), Error);
  EXPECT_TRUE(fs::exists(out_.path() / "decisions.csv"));
  EXPECT_FALSE(fs::exists(out_.path() / "kept.jsonl"));
}

TEST_F(Curated, TheReportCountsAndEscapes) {
  const auto all = survey();
  const auto summary = summarise(all, {});
  EXPECT_EQ(summary["pictures"], 39);
  EXPECT_EQ(summary["broken"]["count"], 1);
  EXPECT_EQ(summary["without_caption"]["count"], 2);
  EXPECT_EQ(summary["captions_without_picture"]["count"], 1);
  EXPECT_EQ(summary["exact_duplicates"], 1);
  EXPECT_EQ(summary["near_duplicates"], 1);
  EXPECT_EQ(summary["opted_out"], 1);
  EXPECT_EQ(summary["balance"]["licences"]["different"], 3);
  const auto page = report_page(all, summary, {}, "<mine>");
  EXPECT_THAT(page, HasSubstr("&lt;good01&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<good01>")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("data:image/webp;base64,UklGR"));
}

TEST_F(Curated, AMeasureFromOutsideFillsItsColumn) {
  SurveyOptions options;
  options.also = [](Survey& all) {
    for (auto& facts : all.facts) facts.match = facts.width == 64 ? 0.1 : 0.4;
  };
  const fs::path paths[] = {folder_.path()};
  const auto all = take_survey(collect(paths), options);
  CurateOptions curate;
  curate.thresholds.min_match = 0.2;
  curate.thresholds.min_side = 1;
  EXPECT_EQ(first_reason(all, decide(all, curate), "tiny"), "mismatch");
}

}  // namespace
}  // namespace sumi
