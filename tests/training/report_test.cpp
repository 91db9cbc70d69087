#include <gmock/gmock.h>

#include <cstring>
#include <map>

#include "core/files.h"
#include "toy_task.h"
#include "training/run_report.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// CRC-32C bit by bit, as its definition has it.
std::uint32_t slow_crc(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const unsigned char byte : bytes) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
  }
  return crc ^ 0xffffffff;
}

std::uint32_t masked(const std::string& bytes) {
  const std::uint32_t crc = slow_crc(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

template <class T>
T number_at(const std::string& bytes, std::size_t place) {
  T value{};
  std::memcpy(&value, bytes.data() + place, sizeof(value));
  return value;
}

/// The data of a TFRecord file, every checksum verified.
std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> records;
  for (std::size_t place = 0; place < file.size();) {
    const auto length = number_at<std::uint64_t>(file, place);
    EXPECT_EQ(number_at<std::uint32_t>(file, place + 8), masked(file.substr(place, 8)));
    records.push_back(file.substr(place + 12, length));
    EXPECT_EQ(number_at<std::uint32_t>(file, place + 12 + length), masked(records.back()));
    place += 16 + length;
  }
  return records;
}

/// One message of protocol buffers: its fields by number, raw.
std::multimap<int, std::string> fields_of(const std::string& message) {
  std::multimap<int, std::string> fields;
  std::size_t place = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(place++));
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
  };
  while (place < message.size()) {
    const std::uint64_t key = varint();
    const int kind = static_cast<int>(key & 7);
    if (kind == 0) {
      fields.emplace(key >> 3, std::to_string(varint()));
      continue;
    }
    const std::size_t length = kind == 1 ? 8 : kind == 5 ? 4 : varint();
    fields.emplace(key >> 3, message.substr(place, length));
    place += length;
  }
  return fields;
}

std::string only(const std::multimap<int, std::string>& fields, int number) {
  EXPECT_EQ(fields.count(number), 1u) << number;
  return fields.find(number)->second;
}

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // the check value of the polynomial's catalogue
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, section B.4
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(EventFile, IsReadBackByAnotherParser) {
  const TemporaryDirectory folder;
  const auto file = folder.path() / "events.out.tfevents.1.sumi";
  const std::string png = "not really a picture, but bytes \x01\x80";
  {
    EventFile events(file);
    events.add_scalar(300, "loss", 0.125);
    events.add_image(301, "picture", 640, 96, std::as_bytes(std::span(png)));
  }
  const auto records = records_of(read_text_file(file));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(only(fields_of(records[0]), 3), "brain.Event:2");
  EXPECT_GT(number_at<double>(only(fields_of(records[0]), 1), 0), 1.6e9);

  const auto scalar = fields_of(records[1]);
  EXPECT_EQ(only(scalar, 2), "300");
  const auto value = fields_of(only(fields_of(only(scalar, 5)), 1));
  EXPECT_EQ(only(value, 1), "loss");
  EXPECT_EQ(number_at<float>(only(value, 2), 0), 0.125f);

  const auto picture = fields_of(only(fields_of(only(fields_of(records[2]), 5)), 1));
  EXPECT_EQ(only(picture, 1), "picture");
  const auto image = fields_of(only(picture, 4));
  EXPECT_EQ(only(image, 1), "96");
  EXPECT_EQ(only(image, 2), "640");
  EXPECT_EQ(only(image, 3), "3");
  EXPECT_EQ(only(image, 4), png);
}

/// A toy training with pictures leaves a page and events of all its log.
TEST(Report, FollowsARun) {
  const TemporaryDirectory folder;
  Task task = toy_task();
  const std::vector<std::uint8_t> gray = {90, 120, 200};
  task.validation_panel = [&] {
    return Panel{std::vector<Image>(10, filled_image(16, 8, gray)), {}, 0};
  };
  std::string during;
  run_training(task, toy_config(), folder.path(), {}, [&](const ProgressState& state) {
    if (state.done == 800) during = read_text_file(folder.path() / "index.html");
  });
  EXPECT_THAT(during, HasSubstr("http-equiv=\"refresh\""));
  EXPECT_THAT(during, HasSubstr("800 of 1600 samples"));
  const auto page = read_text_file(folder.path() / "index.html");
  EXPECT_THAT(page, testing::Not(HasSubstr("http-equiv=\"refresh\"")));
  EXPECT_THAT(page, testing::Not(HasSubstr("src=\"http")));
  EXPECT_THAT(page, HasSubstr("after 1600 samples"));
  EXPECT_THAT(page, HasSubstr("data:image/png;base64,iVBORw0KGgo"));

  const Image strip = load_image(folder.path() / "validation" / "000000000400.png");
  EXPECT_EQ(strip.height, 96);
  EXPECT_EQ(strip.width, 8 * 192);
  int scalars = 0, images = 0;
  const auto name = folder.path() / "tensorboard" / "events.out.tfevents.0000000000.sumi";
  for (const auto& record : records_of(read_text_file(name))) {
    const auto event = fields_of(record);
    if (!event.contains(5)) continue;
    const auto value = fields_of(only(fields_of(only(event, 5)), 1));
    scalars += value.contains(2) && only(value, 1) == "validation_loss" ? 1 : 0;
    images += value.contains(4) ? 1 : 0;
  }
  EXPECT_EQ(scalars, 4);
  EXPECT_EQ(images, 4);
}

}  // namespace
}  // namespace sumi
