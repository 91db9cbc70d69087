#include <gmock/gmock.h>
#include <webp/mux.h>
#include <zlib.h>

#include <ctime>
#include <functional>

#include "core/runtime.h"
#include "media/metadata.h"
#include "pictures.h"

namespace sumi {
namespace {
using namespace sumi::testing;
using ::testing::HasSubstr;

double cpu_ms(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::vector<std::byte> png_header(std::uint32_t width, std::uint32_t height) {
  std::vector<std::byte> png;
  append(png, std::string_view("\x89PNG\r\n\x1a\n", 8));
  std::vector<std::byte> header;
  append_big32(header, width);
  append_big32(header, height);
  append(header, std::string_view("\x08\x06\0\0\0", 5));
  const auto chunk = png_chunk("IHDR", header);
  png.insert(png.end(), chunk.begin(), chunk.end());
  return png;
}

void add_chunk(std::vector<std::byte>& png, std::string_view type,
               std::span<const std::byte> data) {
  const auto chunk = png_chunk(type, data);
  png.insert(png.end(), chunk.begin(), chunk.end());
}

/// `count` times "a", compressed block by block: the test itself must not need the room.
std::vector<std::byte> deflated_run(std::size_t count) {
  std::vector<std::byte> out(count / 500 + 1000);
  std::vector<Bytef> block(65536, 'a');
  z_stream stream{};
  deflateInit(&stream, Z_DEFAULT_COMPRESSION);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  for (std::size_t done = 0; done < count; done += stream.total_in - done) {
    stream.next_in = block.data();
    stream.avail_in = static_cast<uInt>(std::min(block.size(), count - done));
    deflate(&stream, Z_NO_FLUSH);
  }
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Refused with `part` in the message, at once and without room for pixels.
void expect_quick_refusal(std::span<const std::byte> bytes, const std::string& part) {
  const auto before = peak_memory_bytes();
  std::string problem;
  EXPECT_LT(cpu_ms([&] { problem = problem_of([&] { decode_image(bytes, "evil.bin"); }); }), 50);
  EXPECT_THAT(problem, HasSubstr("evil.bin"));
  EXPECT_THAT(problem, HasSubstr(part));
  EXPECT_LT(peak_memory_bytes() - before, 16u << 20);
}

TEST(Hostile, AHugeHeaderIsRefusedAtOnce) {
  auto png = png_header(65500, 65500);
  add_chunk(png, "IDAT", deflated_run(1000));
  add_chunk(png, "IEND", {});
  expect_quick_refusal(png, "65500x65500");
  const DecodeLimits generous{std::uint64_t{1} << 40};
  const auto before = peak_memory_bytes();
  EXPECT_THAT(problem_of([&] { decode_image(png, "evil.bin", generous); }),
              HasSubstr("fewer pixels"));
  EXPECT_LT(peak_memory_bytes() - before, 16u << 20);
}

TEST(Hostile, LimitsAreAParameter) {
  const auto png = encoded(noise_image(10, 10, 3), ImageFormat::png);
  EXPECT_NE(problem_of([&] { decode_image(png, "test", {99}); }), "");
  EXPECT_EQ(problem_of([&] { decode_image(png, "test", {100}); }), "");
}

TEST(Hostile, TenThousandTextChunksAreRefusedAtOnce) {
  auto png = png_header(1, 1);
  std::vector<std::byte> text;
  append(text, std::string_view("k\0\0", 3));
  const auto bomb = deflated_run(1 << 20);
  text.insert(text.end(), bomb.begin(), bomb.end());
  const auto chunk = png_chunk("zTXt", text);
  for (int i = 0; i < 10000; ++i) png.insert(png.end(), chunk.begin(), chunk.end());
  expect_quick_refusal(png, "metadata chunks");
}

TEST(Hostile, ATextBombIsBounded) {
  auto png = encoded(noise_image(4, 4, 3), ImageFormat::png);
  std::vector<std::byte> text;
  append(text, std::string_view("parameters\0\0", 12));
  const auto bomb = deflated_run(64 << 20);
  text.insert(text.end(), bomb.begin(), bomb.end());
  png = with_chunks(png, png_chunk("zTXt", text));
  EXPECT_EQ(problem_of([&] { decode_image(png, "test"); }), "");  // the pixels are good
  const auto before = peak_memory_bytes();
  EXPECT_THAT(problem_of([&] { read_metadata(png, "test"); }), HasSubstr("\"parameters\""));
  EXPECT_LT(peak_memory_bytes() - before, 32u << 20);
}

TEST(Hostile, AnimatedWebpIsRefused) {
  WebPMux* mux = WebPMuxNew();
  const auto still = encoded(noise_image(8, 8, 3), ImageFormat::webp);
  WebPMuxFrameInfo frame{};
  frame.bitstream = {reinterpret_cast<const std::uint8_t*>(still.data()), still.size()};
  frame.id = WEBP_CHUNK_ANMF;
  frame.duration = 100;
  const WebPMuxAnimParams loop{0xFFFFFFFF, 0};
  WebPMuxSetAnimationParams(mux, &loop);
  WebPMuxPushFrame(mux, &frame, 1);
  WebPMuxPushFrame(mux, &frame, 1);
  WebPData whole{};
  ASSERT_EQ(WebPMuxAssemble(mux, &whole), WEBP_MUX_OK);
  expect_quick_refusal(std::as_bytes(std::span(whole.bytes, whole.size)), "animated");
  WebPDataClear(&whole);
  WebPMuxDelete(mux);
}

struct Sample {
  std::string name;
  std::vector<std::byte> bytes;
};

/// Small files of each kind, with metadata.
std::vector<Sample> samples() {
  std::vector<Sample> out;
  const std::string text = "a cat\nSteps: 20, Seed: 1";
  out.push_back({"rgb.png", encoded(noise_image(9, 7, 3), ImageFormat::png, text)});
  out.push_back({"rgba.png", encoded(noise_image(9, 7, 4), ImageFormat::png, "\u706f")});
  SaveOptions options{ImageFormat::jpeg};
  options.infotext = text;
  out.push_back({"rgb.jpg", encode_image(smooth_image(20, 18, 3), options)});
  out.push_back({"gray.jpg", encode_image(smooth_image(20, 18, 1), options)});
  out.push_back({"lossless.webp", encoded(noise_image(9, 7, 4), ImageFormat::webp, text)});
  options.format = ImageFormat::webp;
  out.push_back({"lossy.webp", encode_image(smooth_image(40, 30, 4), options)});
  out.push_back({"plain.webp", encode_image(smooth_image(40, 30, 3), {ImageFormat::webp})});
  const auto tiff = orientation_exif(6, true);
  out.push_back({"turned.png", with_chunks(encoded(noise_image(5, 4, 1), ImageFormat::png),
                                           png_chunk("eXIf", tiff))});
  return out;
}

TEST(Hostile, EveryTruncationIsAnErrorThatNamesTheFile) {
  for (const Sample& sample : samples()) {
    ASSERT_EQ(problem_of([&] { decode_image(sample.bytes, sample.name); }), "");
    for (std::size_t length = 0; length < sample.bytes.size(); ++length) {
      const auto part = std::span(sample.bytes).first(length);
      ASSERT_THAT(problem_of([&] { decode_image(part, sample.name); }), HasSubstr(sample.name))
          << length << " of " << sample.bytes.size() << " bytes";
      problem_of([&] { read_metadata(part, sample.name); });
    }
  }
}

std::vector<std::byte> mutated(const std::vector<Sample>& all, Random& random) {
  std::vector<std::byte> bytes = all[random.below(all.size())].bytes;
  for (std::size_t changes = 1 + random.below(4); changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random.below(bytes.size());
    switch (random.below(6)) {
      case 0:
        bytes[at] ^= std::byte(1 << random.below(8));
        break;
      case 1:
        bytes[at] = random.below(2) ? std::byte{0xFF} : std::byte{0};
        break;
      case 2:
        bytes[at] = std::byte(random.below(256));
        break;
      case 3:
        bytes.erase(
            bytes.begin() + at,
            bytes.begin() + at + random.below(std::min<std::size_t>(16, bytes.size() - at)));
        break;
      case 4:
        bytes.insert(bytes.begin() + at, random.below(16), std::byte(random.below(256)));
        break;
      default: {
        const auto& other = all[random.below(all.size())].bytes;
        const std::size_t from = random.below(other.size()),
                          count = std::min(random.below(32), other.size() - from);
        bytes.insert(bytes.begin() + at, other.begin() + from, other.begin() + from + count);
      }
    }
  }
  return bytes;
}

/// PNG checks sums, so that mutations rarely get past them: this mends every chunk's.
void mend_checksums(std::vector<std::byte>& png) {
  for (std::size_t at = 8; at + 12 <= png.size();) {
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length = length << 8 | std::to_integer<std::uint32_t>(png[at + i]);
    if (length > png.size() - at - 12) return;
    const std::uint32_t crc = crc32_of(std::span(png).subspan(at + 4, length + 4));
    for (std::size_t i = 0; i < 4; ++i)
      png[at + 8 + length + i] = std::byte(crc >> (24 - 8 * i) & 0xFF);
    at += length + 12;
  }
}

TEST(Hostile, TwentyThousandMutationsNeverCrash) {
  const auto all = samples();
  Random random(7);
  int refused = 0;
  double slowest_ms = 0;
  const DecodeLimits limits{std::uint64_t{4} << 20};
  constexpr int rounds = 20000;
  for (int i = 0; i < rounds; ++i) {
    auto bytes = mutated(all, random);
    if (i % 2 == 0) mend_checksums(bytes);
    slowest_ms = std::max(slowest_ms, cpu_ms([&] {
                            refused +=
                                !problem_of([&] { decode_image(bytes, "x", limits); }).empty();
                            problem_of([&] { read_metadata(bytes, "x"); });
                          }));
  }
  EXPECT_GT(refused, rounds / 4);
  EXPECT_LT(refused, rounds);
  EXPECT_LT(slowest_ms, 250);
}

TEST(Hostile, TooManyScansAreRefused) {
  // A progressive picture whose scans are repeated: each is whole, together they would cost much.
  SaveOptions options{ImageFormat::jpeg};
  auto jpeg = encode_image(smooth_image(16, 16, 1), options);
  // The frame header (0xFFC0) becomes that of a progressive picture and its scan is repeated as a
  // DC scan.
  std::size_t frame = 0, scan = 0;
  for (std::size_t i = 0; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == std::byte{0xFF} && jpeg[i + 1] == std::byte{0xC0}) frame = i;
    if (jpeg[i] == std::byte{0xFF} && jpeg[i + 1] == std::byte{0xDA}) scan = i;
  }
  ASSERT_GT(frame, 0u);
  ASSERT_GT(scan, frame);
  jpeg[frame + 1] = std::byte{0xC2};
  jpeg.resize(scan);
  const std::string_view dc_scan("\xFF\xDA\0\x08\x01\x01\0\0\0\0\0\0\0\0\0\0", 16);
  for (int i = 0; i < 5000; ++i) append(jpeg, dc_scan);
  append(jpeg, "\xFF\xD9");
  EXPECT_THAT(problem_of([&] { decode_image(jpeg, "test"); }), HasSubstr("scans"));
}

TEST(Hostile, NamesWhatIsNoPicture) {
  const std::string_view text = "GIF89a and more";
  EXPECT_THAT(problem_of([&] { decode_image(std::as_bytes(std::span(text)), "a.gif"); }),
              HasSubstr("a.gif: not a PNG, JPEG or WebP"));
  EXPECT_THAT(problem_of([&] { decode_image({}, "empty"); }), HasSubstr("empty"));
}

}  // namespace
}  // namespace sumi
