#include <gmock/gmock.h>
#include <lcms2.h>
#include <png.h>
#include <webp/mux.h>

#include <cstdio>
#include <cstdlib>

// clang-format off: jpeglib.h needs <cstdio> first
#include <jpeglib.h>
// clang-format on

#include "core/files.h"
#include "media/colour.h"
#include "media/compare.h"
#include "media/geometry.h"
#include "media/metadata.h"
#include "pictures.h"

namespace sumi {
namespace {
using namespace sumi::testing;
using ::testing::HasSubstr;

Image decoded(const std::vector<std::byte>& bytes) { return decode_image(bytes, "test"); }

TEST(Codec, PngKeepsEveryValue) {
  for (const int channels : {1, 3, 4})
    for (const int side : {1, 2, 7, 33}) {
      const Image image = noise_image(side, side + 3, channels);
      EXPECT_EQ(decoded(encoded(image, ImageFormat::png)), image)
          << channels << " channels, side " << side;
    }
}

TEST(Codec, LosslessWebpKeepsEveryValueEvenUnderAlphaZero) {
  const Image rgb = noise_image(31, 17, 3);
  EXPECT_EQ(decoded(encoded(rgb, ImageFormat::webp)), rgb);
  Image rgba = noise_image(31, 17, 4);
  for (std::size_t i = 3; i < rgba.pixels.size(); i += 8) rgba.pixels[i] = 0;
  EXPECT_EQ(decoded(encoded(rgba, ImageFormat::webp)), rgba);
  const Image gray = noise_image(9, 9, 1);
  EXPECT_EQ(decoded(encoded(gray, ImageFormat::webp)), to_rgb(gray));
}

TEST(Codec, LossyFormatsStayClose) {
  const Image rgb = smooth_image(96, 64, 3);
  SaveOptions options;
  options.format = ImageFormat::jpeg;
  EXPECT_GT(psnr_db(decoded(encode_image(rgb, options)), rgb), 38);
  options.full_chroma = true;
  EXPECT_GT(psnr_db(decoded(encode_image(rgb, options)), rgb), 42);
  options.format = ImageFormat::webp;
  EXPECT_GT(psnr_db(decoded(encode_image(rgb, options)), rgb), 36);
  const Image gray = smooth_image(96, 64, 1);
  options.format = ImageFormat::jpeg;
  const Image gray_back = decoded(encode_image(gray, options));
  EXPECT_EQ(gray_back.channels, 1);
  EXPECT_GT(psnr_db(gray_back, gray), 42);
}

TEST(Codec, LowerQualityIsSmaller) {
  const Image image = noise_image(64, 64, 3);
  for (const auto format : {ImageFormat::jpeg, ImageFormat::webp}) {
    SaveOptions low{format, 20}, high{format, 95};
    EXPECT_LT(encode_image(image, low).size() * 2, encode_image(image, high).size());
  }
}

TEST(Codec, FullChromaKeepsColourEdges) {
  Image image = filled_image(32, 32, std::vector<std::uint8_t>{255, 0, 0});
  for (std::size_t i = 0; i < image.pixels.size(); i += 6)
    image.pixels[i] = 0, image.pixels[i + 2] = 255;
  SaveOptions halved{ImageFormat::jpeg}, full{ImageFormat::jpeg};
  full.full_chroma = true;
  EXPECT_GT(psnr_db(decoded(encode_image(image, full)), image), 25);
  EXPECT_LT(psnr_db(decoded(encode_image(image, halved)), image), 15);
}

TEST(Codec, JpegLaysAlphaOverWhite) {
  Image image = filled_image(16, 16, std::vector<std::uint8_t>{0, 0, 0, 0});
  const Image back = decoded(encode_image(image, {ImageFormat::jpeg}));
  EXPECT_EQ(back, filled_image(16, 16, std::vector<std::uint8_t>{255, 255, 255}));
}

TEST(Codec, SavesAndLoadsByExtension) {
  const TemporaryDirectory folder;
  const Image image = smooth_image(24, 20, 3);
  for (const auto* name : {"a.png", "b.jpg", "c.JPEG", "d.webp"}) {
    const auto file = folder.path() / name;
    save_image(file, image);
    EXPECT_EQ(read_metadata(file).format, format_of(file)) << name;
    EXPECT_GT(psnr_db(load_image(file), image), 30) << name;
  }
  EXPECT_THAT(problem_of([&] { save_image(folder.path() / "e.bmp", image); }),
              HasSubstr("\".bmp\""));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "e.bmp"));
}

TEST(Codec, AFailedSaveKeepsTheOldFile) {
  const TemporaryDirectory folder;
  const auto file = folder.path() / "a.png";
  const Image image = noise_image(4, 4, 3);
  save_image(file, image);
  Image broken = noise_image(5, 5, 3);
  broken.pixels.pop_back();
  EXPECT_NE(problem_of([&] { save_image(file, broken); }), "");
  EXPECT_EQ(load_image(file), image);
}

TEST(Codec, RefusesWhatAFormatCannotHold) {
  const Image wide = noise_image(17000, 1, 1);
  EXPECT_THAT(problem_of([&] { encode_image(wide, {ImageFormat::webp}); }), HasSubstr("16383"));
  const Image wider = noise_image(65501, 1, 1);
  EXPECT_THAT(problem_of([&] { encode_image(wider, {ImageFormat::jpeg}); }), HasSubstr("65500"));
  EXPECT_EQ(decoded(encoded(wider, ImageFormat::png)), wider);
  EXPECT_NE(problem_of([&] { encode_image(wide, {ImageFormat::jpeg, 0}); }), "");
}

// ---- what other programs write
// -------------------------------------------------------------------

struct PngRecipe {
  int bit_depth, colour_type;
  bool interlaced, transparent;
};

void collect(png_structp png, png_bytep bytes, std::size_t count) {
  auto& out = *static_cast<std::vector<std::byte>*>(png_get_io_ptr(png));
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  out.insert(out.end(), begin, begin + count);
}

/// `rows` are packed as PNG stores them.
std::vector<std::byte> png_of(const PngRecipe& recipe, int width,
                              std::vector<std::vector<std::uint8_t>> rows,
                              const std::vector<png_color>& palette) {
  std::vector<std::byte> out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, collect, nullptr);
  png_set_IHDR(png, info, width, static_cast<png_uint_32>(rows.size()), recipe.bit_depth,
               recipe.colour_type, recipe.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  const std::vector<png_byte> alphas{0, 128};
  png_color_16 key{};
  if (recipe.transparent && !palette.empty())
    png_set_tRNS(png, info, alphas.data(), static_cast<int>(alphas.size()), nullptr);
  else if (recipe.transparent)
    png_set_tRNS(png, info, nullptr, 0, &key);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

int samples_of(int colour_type) {
  return colour_type == PNG_COLOR_TYPE_RGB          ? 3
         : colour_type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
         : colour_type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                    : 1;
}

/// The picture that samples of `bit_depth` bits should give, worked out by the standard's rules.
Image expected_png(const PngRecipe& recipe, int width, int height, const std::vector<int>& samples,
                   const std::vector<png_color>& palette) {
  const int per_pixel = samples_of(recipe.colour_type);
  const double top = (1 << recipe.bit_depth) - 1;
  const bool alpha = recipe.transparent || per_pixel == 2 || per_pixel == 4;
  const bool paletted = recipe.colour_type == PNG_COLOR_TYPE_PALETTE;
  Image image{width, height, alpha ? 4 : paletted || per_pixel == 3 ? 3 : 1, {}};
  for (int i = 0; i < width * height; ++i) {
    const int* pixel = samples.data() + i * per_pixel;
    const auto level = [&](int k) {
      return static_cast<std::uint8_t>(std::lround(pixel[k] * 255 / top));
    };
    if (paletted) {
      const png_color& colour = palette[pixel[0]];
      image.pixels.insert(image.pixels.end(), {colour.red, colour.green, colour.blue});
      if (alpha) image.pixels.push_back(pixel[0] == 0 ? 0 : pixel[0] == 1 ? 128 : 255);
      continue;
    }
    const int colours = per_pixel >= 3 ? 3 : 1;
    bool is_key = recipe.transparent;  // the key is zero in every channel
    for (int k = 0; k < colours; ++k) is_key = is_key && pixel[k] == 0;
    for (int k = 0; k < (alpha && colours == 1 ? 3 : colours); ++k)
      image.pixels.push_back(level(colours == 1 ? 0 : k));
    if (alpha)
      image.pixels.push_back(recipe.transparent ? (is_key ? 0 : 255) : level(per_pixel - 1));
  }
  return image;
}

std::vector<std::vector<std::uint8_t>> packed_rows(const std::vector<int>& samples, int per_row,
                                                   int bits) {
  std::vector<std::vector<std::uint8_t>> rows;
  for (std::size_t at = 0; at < samples.size(); at += per_row) {
    std::vector<std::uint8_t> row((per_row * bits + 7) / 8);
    for (int i = 0; i < per_row; ++i)
      for (int b = 0; b < bits; ++b)
        if (samples[at + i] >> (bits - 1 - b) & 1) {
          const int position = i * bits + b;
          row[position / 8] |= static_cast<std::uint8_t>(0x80 >> position % 8);
        }
    rows.push_back(row);
  }
  return rows;
}

TEST(Codec, ReadsEveryKindOfPng) {
  std::vector<PngRecipe> recipes;
  for (const bool interlaced : {false, true})
    for (const bool transparent : {false, true}) {
      for (const int depth : {1, 2, 4, 8, 16})
        recipes.push_back({depth, PNG_COLOR_TYPE_GRAY, interlaced, transparent});
      for (const int depth : {1, 2, 4, 8})
        recipes.push_back({depth, PNG_COLOR_TYPE_PALETTE, interlaced, transparent});
      for (const int depth : {8, 16})
        recipes.push_back({depth, PNG_COLOR_TYPE_RGB, interlaced, transparent});
      if (transparent) continue;
      for (const int depth : {8, 16})
        for (const int type : {PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB_ALPHA})
          recipes.push_back({depth, type, interlaced, false});
    }
  constexpr int width = 13, height = 11;
  for (const PngRecipe& recipe : recipes) {
    Random random(recipe.bit_depth * 16 + recipe.colour_type);
    const bool paletted = recipe.colour_type == PNG_COLOR_TYPE_PALETTE;
    std::vector<png_color> palette;
    for (int i = 0; paletted && i < 1 << recipe.bit_depth; ++i)
      palette.push_back({png_byte(i * 37), png_byte(255 - i), png_byte(i * 11)});
    std::vector<int> samples;
    for (int i = 0; i < width * height * samples_of(recipe.colour_type); ++i)
      samples.push_back(static_cast<int>(random.below(std::size_t{1} << recipe.bit_depth)));
    for (int i = 0; i < 9; ++i) samples[i] = 0;  // the transparent key is there
    const auto rows =
        packed_rows(samples, width * samples_of(recipe.colour_type), recipe.bit_depth);
    const Image image = decoded(png_of(recipe, width, rows, palette));
    const Image expected = expected_png(recipe, width, height, samples, palette);
    const auto where = ::testing::Message()
                       << "depth " << recipe.bit_depth << " type " << recipe.colour_type
                       << " interlaced " << recipe.interlaced << " transparent "
                       << recipe.transparent;
    ASSERT_EQ(image.channels, expected.channels) << where;
    EXPECT_EQ(image, expected) << where;
  }
}

/// A JPEG of one colour in the given space, with an Adobe marker or without.
std::vector<std::byte> jpeg_of(J_COLOR_SPACE space, const std::vector<std::uint8_t>& pixel,
                               bool adobe, bool progressive = false) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  constexpr int side = 16;
  info.image_width = info.image_height = side;
  info.input_components = static_cast<int>(pixel.size());
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  info.write_Adobe_marker = adobe;
  jpeg_start_compress(&info, TRUE);
  std::vector<std::uint8_t> row;
  for (int i = 0; i < side; ++i) row.insert(row.end(), pixel.begin(), pixel.end());
  for (int y = 0; y < side; ++y) {
    JSAMPROW pointer = row.data();
    jpeg_write_scanlines(&info, &pointer, 1);
  }
  jpeg_finish_compress(&info);
  const auto* begin = reinterpret_cast<const std::byte*>(buffer);
  std::vector<std::byte> out(begin, begin + size);
  jpeg_destroy_compress(&info);
  std::free(buffer);
  return out;
}

TEST(Codec, ReadsCmykJpegs) {
  // 100 % cyan, no key: red goes, green and blue stay.
  const Image ink = decoded(jpeg_of(JCS_CMYK, {255, 0, 0, 0}, false));
  EXPECT_LE(max_difference(ink, filled_image(16, 16, std::vector<std::uint8_t>{0, 255, 255})), 2);
  const Image adobe = decoded(jpeg_of(JCS_CMYK, {0, 255, 255, 255}, true));
  EXPECT_LE(max_difference(adobe, filled_image(16, 16, std::vector<std::uint8_t>{0, 255, 255})), 2);
  const Image half_key = decoded(jpeg_of(JCS_CMYK, {0, 128, 0, 128}, false));
  EXPECT_LE(max_difference(half_key, filled_image(16, 16, std::vector<std::uint8_t>{127, 63, 127})),
            2);
}

TEST(Codec, ReadsProgressiveJpegs) {
  const Image image = decoded(jpeg_of(JCS_RGB, {200, 100, 50}, false, true));
  EXPECT_LE(max_difference(image, filled_image(16, 16, std::vector<std::uint8_t>{200, 100, 50})),
            3);
}

// ---- orientation
// ---------------------------------------------------------------------------------

/// Where the pixel (x, y) of the upright w x h picture stands in the stored one, by EXIF 2.32,
/// table 6.
Image stored_as(const Image& upright, int orientation) {
  const bool turned = orientation >= 5;
  Image stored{turned ? upright.height : upright.width, turned ? upright.width : upright.height,
               upright.channels, std::vector<std::uint8_t>(upright.pixels.size())};
  for (int row = 0; row < stored.height; ++row)
    for (int column = 0; column < stored.width; ++column) {
      const bool right =
          orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
      const bool bottom =
          orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
      // The 0th row is the visual top, bottom, right or left side, and so is the 0th column.
      int x = turned ? row : column, y = turned ? column : row;
      if (right) x = upright.width - 1 - x;
      if (bottom) y = upright.height - 1 - y;
      for (int c = 0; c < upright.channels; ++c)
        stored.pixels[(std::size_t(row) * stored.width + column) * upright.channels + c] =
            upright.pixels[(std::size_t(y) * upright.width + x) * upright.channels + c];
    }
  return stored;
}

std::vector<std::byte> webp_with(const std::vector<std::byte>& webp, const char* type,
                                 std::span<const std::byte> data) {
  const WebPData stream{reinterpret_cast<const std::uint8_t*>(webp.data()), webp.size()};
  const WebPData chunk{reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
  WebPMux* mux = WebPMuxCreate(&stream, 0);
  WebPData whole{};
  EXPECT_EQ(WebPMuxSetChunk(mux, type, &chunk, 0), WEBP_MUX_OK);
  EXPECT_EQ(WebPMuxAssemble(mux, &whole), WEBP_MUX_OK);
  const auto* begin = reinterpret_cast<const std::byte*>(whole.bytes);
  std::vector<std::byte> out(begin, begin + whole.size);
  WebPDataClear(&whole);
  WebPMuxDelete(mux);
  return out;
}

std::vector<std::byte> exif_app1(std::span<const std::byte> tiff) {
  std::vector<std::byte> data;
  append(data, std::string_view("Exif\0\0", 6));
  data.insert(data.end(), tiff.begin(), tiff.end());
  return data;
}

TEST(Codec, TurnsPicturesUprightForAllEightOrientations) {
  const Image upright = noise_image(5, 3, 3);
  const Image smooth = smooth_image(48, 32, 3);
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool little : {false, true}) {
      const auto tiff = orientation_exif(orientation, little);
      const Image stored = stored_as(upright, orientation);
      const auto png = with_chunks(encoded(stored, ImageFormat::png), png_chunk("eXIf", tiff));
      EXPECT_EQ(decoded(png), upright) << orientation;
      EXPECT_EQ(read_metadata(png, "test").orientation, orientation);
      EXPECT_EQ(read_metadata(png, "test").width, stored.width);
      EXPECT_EQ(decoded(webp_with(encoded(stored, ImageFormat::webp), "EXIF", tiff)), upright)
          << orientation;
      const auto jpeg = with_segment(
          encode_image(stored_as(smooth, orientation), {ImageFormat::jpeg}), 0xE1, exif_app1(tiff));
      EXPECT_GT(psnr_db(decoded(jpeg), smooth), 36) << orientation;
    }
}

// ---- colour profiles
// -----------------------------------------------------------------------------

std::vector<std::byte> profile_bytes(cmsHPROFILE profile) {
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(profile, nullptr, &size);
  std::vector<std::byte> bytes(size);
  cmsSaveProfileToMem(profile, bytes.data(), &size);
  cmsCloseProfile(profile);
  return bytes;
}

/// sRGB's primaries with a plain power curve, so that the conversion has a closed form.
std::vector<std::byte> gamma_profile(double gamma) {
  const cmsCIExyY white{0.3127, 0.3290, 1};
  const cmsCIExyYTRIPLE primaries{{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}};
  cmsToneCurve* curve = cmsBuildGamma(nullptr, gamma);
  cmsToneCurve* const curves[] = {curve, curve, curve};
  const auto bytes = profile_bytes(cmsCreateRGBProfile(&white, &primaries, curves));
  cmsFreeToneCurve(curve);
  return bytes;
}

std::vector<std::byte> gray_profile(double gamma) {
  cmsToneCurve* curve = cmsBuildGamma(nullptr, gamma);
  const auto bytes = profile_bytes(cmsCreateGrayProfile(cmsD50_xyY(), curve));
  cmsFreeToneCurve(curve);
  return bytes;
}

double srgb_curve(double linear) {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
}

Image expected_from_gamma(const Image& image, double gamma) {
  Image out = image;
  for (std::size_t i = 0; i < out.pixels.size(); ++i)
    if (image.channels != 4 || i % 4 != 3)
      out.pixels[i] = static_cast<std::uint8_t>(
          std::lround(255 * srgb_curve(std::pow(image.pixels[i] / 255.0, gamma))));
  return out;
}

TEST(Codec, ConvertsEmbeddedProfilesToSrgb) {
  const auto profile = gamma_profile(1.8);
  for (const int channels : {3, 4}) {
    const Image image = noise_image(16, 16, channels);
    const Image converted = icc_to_srgb(image, profile);
    EXPECT_LE(max_difference(converted, expected_from_gamma(image, 1.8)), 2) << channels;
    EXPECT_GT(max_difference(converted, image), 10);
    EXPECT_EQ(decoded(webp_with(encoded(image, ImageFormat::webp), "ICCP", profile)), converted);
  }
  const Image smooth = smooth_image(32, 32, 3);
  std::vector<std::byte> segment;
  append(segment, std::string_view("ICC_PROFILE\0\x01\x01", 14));
  segment.insert(segment.end(), profile.begin(), profile.end());
  const auto jpeg = with_segment(encode_image(smooth, {ImageFormat::jpeg}), 0xE2, segment);
  EXPECT_TRUE(read_metadata(jpeg, "test").has_icc);
  EXPECT_GT(psnr_db(decoded(jpeg), expected_from_gamma(smooth, 1.8)), 34);
}

TEST(Codec, ConvertsPngAndGrayProfiles) {
  const auto profile = gray_profile(1.0);
  const Image image = noise_image(16, 16, 1);
  std::vector<std::byte> out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, collect, nullptr);
  png_set_IHDR(png, info, 16, 16, 8, PNG_COLOR_TYPE_GRAY, 0, 0, 0);
  png_set_iCCP(png, info, "linear", 0, reinterpret_cast<png_const_bytep>(profile.data()),
               static_cast<png_uint_32>(profile.size()));
  png_write_info(png, info);
  for (int y = 0; y < 16; ++y) png_write_row(png, image.pixels.data() + y * 16);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  EXPECT_TRUE(read_metadata(out, "test").has_icc);
  EXPECT_LE(max_difference(decoded(out), expected_from_gamma(image, 1.0)), 2);
}

TEST(Codec, LeavesSrgbAndUselessProfilesAlone) {
  const Image image = noise_image(16, 16, 3);
  EXPECT_EQ(icc_to_srgb(image, profile_bytes(cmsCreate_sRGBProfile())), image);
  EXPECT_EQ(icc_to_srgb(image, gray_profile(1.8)), image);
  auto broken = gamma_profile(1.8);
  broken.resize(broken.size() / 2);
  EXPECT_EQ(icc_to_srgb(image, broken), image);
  EXPECT_EQ(icc_to_srgb(image, {}), image);
}

// ---- texts
// ---------------------------------------------------------------------------------------

const std::string plain =
    "a lighthouse at dusk\nNegative prompt: blurry\nSteps: 20, Sampler: Euler, Seed: 1";
const std::string accents = "un phare au cr\u00e9puscule\nSteps: 20";
const std::string wide =
    "\u706f\u53f0\u3001\u5915\u66ae \U0001F305 \u043c\u0430\u044f\u043a\nSteps: 20, CFG scale: 7";

TEST(Metadata, InfotextComesBackFromAllFormats) {
  const TemporaryDirectory folder;
  for (const auto* name : {"a.png", "a.jpg", "a.webp"})
    for (const std::string& text : {plain, accents, wide}) {
      const auto file = folder.path() / name;
      SaveOptions options;
      options.infotext = text;
      save_image(file, smooth_image(20, 20, 4), options);
      EXPECT_EQ(read_infotext(file), text) << name;
      EXPECT_GT(psnr_db(flatten(load_image(file), {255, 255, 255}),
                        flatten(smooth_image(20, 20, 4), {255, 255, 255})),
                25);
    }
  save_image(folder.path() / "none.png", noise_image(3, 3, 3));
  EXPECT_EQ(read_infotext(folder.path() / "none.png"), "");
}

TEST(Metadata, PngTextIsLatinOrUnicodeAsOthersExpect) {
  const auto holds = [](const std::vector<std::byte>& png, std::string_view part) {
    return std::string_view(reinterpret_cast<const char*>(png.data()), png.size()).find(part) !=
           std::string_view::npos;
  };
  const Image image = noise_image(4, 4, 3);
  EXPECT_TRUE(holds(encoded(image, ImageFormat::png, accents),
                    std::string_view("tEXtparameters\0un phare au cr\xE9puscule", 37)));
  EXPECT_TRUE(holds(encoded(image, ImageFormat::png, wide), "iTXtparameters"));
  // As piexif writes it: the marker, then UTF-16 with the high byte first.
  EXPECT_TRUE(
      holds(encoded(image, ImageFormat::jpeg, plain), std::string_view("UNICODE\0\0a\0 \0l", 14)));
  EXPECT_TRUE(
      holds(encoded(image, ImageFormat::webp, plain), std::string_view("UNICODE\0\0a\0 \0l", 14)));
}

TEST(Metadata, TooLongForJpegIsAnError) {
  SaveOptions options{ImageFormat::jpeg};
  options.infotext.assign(40000, 'a');
  EXPECT_THAT(problem_of([&] { encode_image(noise_image(4, 4, 3), options); }),
              HasSubstr("JPEG holds"));
  options.format = ImageFormat::png;
  EXPECT_EQ(read_metadata(encode_image(noise_image(4, 4, 3), options), "test").infotext(),
            options.infotext);
}

TEST(Metadata, ListsEveryTextInOrder) {
  std::vector<std::byte> chunks;
  const auto add = [&](std::string_view type, std::string_view data) {
    const auto chunk = png_chunk(type, std::as_bytes(std::span(data)));
    chunks.insert(chunks.end(), chunk.begin(), chunk.end());
  };
  add("tEXt", std::string_view("Software\0Sumi", 13));
  // zlib: a stored block that says "packed".
  add("zTXt", std::string_view("Note\0\0\x78\x01\x01\x06\x00\xF9\xFFpacked\x08\x86\x02\x69", 23));
  add("iTXt", std::string_view("Title\0\0\0en\0titre\0h\xC3\xA9", 20));
  add("eXIf",
      std::string_view("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", 26));
  const auto png = with_chunks(encoded(noise_image(6, 4, 4), ImageFormat::png), chunks);
  const ImageMetadata metadata = read_metadata(png, "test");
  EXPECT_EQ(metadata.format, ImageFormat::png);
  EXPECT_EQ(metadata.width, 6);
  EXPECT_EQ(metadata.height, 4);
  EXPECT_TRUE(metadata.has_alpha);
  EXPECT_FALSE(metadata.has_icc);
  EXPECT_EQ(metadata.orientation, 6);
  using Field = std::pair<std::string, std::string>;
  EXPECT_THAT(metadata.fields,
              ::testing::ElementsAre(Field{"Software", "Sumi"}, Field{"Note", "packed"},
                                     Field{"Title", "h\u00e9"}, Field{"EXIF Orientation", "6"}));
}

TEST(Metadata, ReadsJpegComments) {
  const std::string_view text = "made by hand";
  const auto jpeg = with_segment(encode_image(noise_image(8, 8, 3), {ImageFormat::jpeg}), 0xFE,
                                 std::as_bytes(std::span(text)));
  EXPECT_THAT(
      read_metadata(jpeg, "test").fields,
      ::testing::ElementsAre(std::pair<std::string, std::string>{"comment", "made by hand"}));
}

}  // namespace
}  // namespace sumi
