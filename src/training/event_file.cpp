#include "training/event_file.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/error.h"

namespace sumi {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t bits = i;
    for (int k = 0; k < 8; ++k) bits = (bits >> 1) ^ (bits & 1 ? 0x82f63b78u : 0u);
    table[i] = bits;
  }
  return table;
}

template <class Integer>
std::string little_endian(Integer value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(value); ++i)
    bytes += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
  return bytes;
}

// Protocol buffers' wire format: a field's key is its number and the kind of what follows.

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string key(int field, int kind) {
  return varint(static_cast<std::uint64_t>(field << 3 | kind));
}

std::string integer_field(int field, std::int64_t value) {
  return key(field, 0) + varint(static_cast<std::uint64_t>(value));
}

std::string double_field(int field, double value) {
  return key(field, 1) + little_endian(std::bit_cast<std::uint64_t>(value));
}

std::string bytes_field(int field, std::string_view bytes) {
  return key(field, 2) + varint(bytes.size()) + std::string(bytes);
}

std::string float_field(int field, float value) {
  return key(field, 5) + little_endian(std::bit_cast<std::uint32_t>(value));
}

std::string wall_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return double_field(1, std::chrono::duration<double>(now).count());
}

/// Event {wall_time, step, summary {value {tag, …}}}.
std::string event_of(std::int64_t step, std::string_view tag, const std::string& content) {
  return wall_time() + integer_field(2, step) +
         bytes_field(5, bytes_field(1, bytes_field(1, tag) + content));
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~0u;
  for (const char byte : bytes)
    crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8u;
}

std::string framed(std::string_view data) {
  const std::string length = little_endian(static_cast<std::uint64_t>(data.size()));
  return length + little_endian(masked_crc32c(length)) + std::string(data) +
         little_endian(masked_crc32c(data));
}

EventFile::EventFile(const std::filesystem::path& file)
    : path_(file), file_(std::fopen(file.c_str(), "wb")) {
  if (!file_)
    throw Error(fmt::format("{}: {}", file.string(), std::strerror(errno)),
                "check the path and its permissions");
  add(wall_time() + bytes_field(3, "brain.Event:2"));
}

EventFile::~EventFile() { std::fclose(file_); }

void EventFile::add_scalar(std::int64_t step, std::string_view tag, double value) {
  add(event_of(step, tag, float_field(2, static_cast<float>(value))));
}

void EventFile::add_image(std::int64_t step, std::string_view tag, int width, int height,
                          std::span<const std::byte> png) {
  constexpr int kRgb = 3;
  const std::string_view encoded(reinterpret_cast<const char*>(png.data()), png.size());
  add(event_of(step, tag,
               bytes_field(4, integer_field(1, height) + integer_field(2, width) +
                                  integer_field(3, kRgb) + bytes_field(4, encoded))));
}

void EventFile::add(const std::string& event) {
  const std::string record = framed(event);
  if (std::fwrite(record.data(), 1, record.size(), file_) != record.size() ||
      std::fflush(file_) != 0)
    throw Error(fmt::format("{}: {}", path_.string(), std::strerror(errno)),
                "check the disk's space");
}

}  // namespace sumi
