// Writes the small correct inputs that a campaign starts from: fuzz_seeds FOLDER.

#include <fmt/core.h>
#include <lcms2.h>

#include <filesystem>

#include "core/files.h"
#include "data_seeds.h"
#include "media/exif.h"
#include "media/image.h"
#include "model_inputs.h"
#include "seeds.h"
#include "small_zip.h"

namespace {

using Texts = std::vector<std::string>;

std::string as_string(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_all(const std::filesystem::path& folder, const Texts& files) {
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < files.size(); ++i)
    sumi::write_file(folder / fmt::format("seed-{}", i), std::string_view(files[i]));
}

Texts torch_files() {
  auto files = sumi::craft::seed_zips();
  for (const auto& file : sumi::craft::seed_legacy()) files.push_back(file);
  return files;
}

Texts pictures() {
  Texts files;
  for (const int channels : {1, 3, 4}) {
    sumi::Image image{7, 5, channels, {}};
    for (int i = 0; i < 7 * 5 * channels; ++i)
      image.pixels.push_back(static_cast<std::uint8_t>(i * 37));
    for (const auto format :
         {sumi::ImageFormat::png, sumi::ImageFormat::jpeg, sumi::ImageFormat::webp})
      for (const bool lossless : {false, true}) {
        sumi::SaveOptions options;
        options.format = format;
        options.lossless = lossless;
        options.infotext = "a fox\nNegative prompt: a dog\nSteps: 20, Seed: 1, Size: 8x8";
        files.push_back(as_string(sumi::encode_image(image, options)));
      }
  }
  return files;
}

Texts profiles() {
  Texts files;
  cmsToneCurve* gamma = cmsBuildGamma(nullptr, 2.2);
  const cmsCIExyY white = {0.3127, 0.3290, 1};
  for (cmsHPROFILE profile : {cmsCreate_sRGBProfile(), cmsCreateGrayProfile(&white, gamma)}) {
    cmsUInt32Number size = 0;
    cmsSaveProfileToMem(profile, nullptr, &size);
    std::string file(size, '\0');
    cmsSaveProfileToMem(profile, file.data(), &size);
    files.push_back(file);
    cmsCloseProfile(profile);
  }
  cmsFreeToneCurve(gamma);
  return files;
}

const Texts kPrompts = {"a (red:1.3) fox [by night] AND a [cat:dog:0.5] :0.7 BREAK <lora:x:0.8>",
                        "[a|b|c] \\(x\\) [[a:b:3]:10] ([c::2])",
                        "caf\u00e9 \u00e2\u20ac\u2122s &amp;"};

}  // namespace

int main(int count, char** arguments) {
  const std::filesystem::path folder = count > 1 ? arguments[1] : "corpus";
  write_all(folder / "safetensors", sumi::craft::seed_safetensors());
  write_all(folder / "pickle", sumi::craft::seed_pickles());
  write_all(folder / "torch_file", torch_files());
  write_all(folder / "picture", pictures());
  write_all(folder / "exif", {as_string(sumi::exif_with_comment("a fox\nSteps: 20, Seed: 1"))});
  write_all(folder / "icc", profiles());
  write_all(folder / "shard", sumi::shard_seeds());
  write_all(folder / "obj", sumi::obj_seeds());
  write_all(folder / "mtl", sumi::mtl_seeds());
  write_all(folder / "catalogue", sumi::catalogue_seeds());
  write_all(folder / "zip", {sumi::small_zip({{"a", "plain"}, {"b/c", "words, words, words"}})});
  write_all(folder / "csv", sumi::csv_seeds());
  write_all(folder / "kept", sumi::kept_seeds());
  write_all(folder / "record", sumi::record_seeds());
  write_all(folder / "json", {R"({"a": [1, -2.5e3, "x\u00e9", null, true], "b": {"c": {}}})"});
  write_all(folder / "infotext",
            {"a fox\nNegative prompt: a dog\nSteps: 20, Sampler: \"x, y\", Hashes: {\"a\": 1}"});
  Texts with_options;
  for (const auto& prompt : kPrompts) with_options.push_back("\x13\x01" + prompt);
  write_all(folder / "prompt", with_options);
  write_all(folder / "tokenizer", kPrompts);
  write_all(folder / "merges",
            {"a b\nab ab\nb a\nabab c</w>\n\n" + std::string(60, 'a') + "bababc"});
}
