#include "data/tar_header.h"

namespace sumi {

std::string tar_field(const TarBlock& block, std::size_t offset, std::size_t length) {
  const std::string_view raw(block.data() + offset, length);
  return std::string(raw.substr(0, raw.find('\0')));
}

std::optional<std::uint64_t> tar_octal(const TarBlock& block, std::size_t offset,
                                       std::size_t length) {
  std::uint64_t value = 0;
  bool any = false;
  for (std::size_t i = offset; i < offset + length; ++i) {
    const char c = block[i];
    if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
      any = true;
    } else if (c == '\0' || c == ' ') {
      if (any) break;
    } else {
      return std::nullopt;
    }
  }
  return any ? std::optional(value) : std::nullopt;
}

std::uint64_t tar_checksum(const TarBlock& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < tar_block_bytes; ++i)
    sum += i >= 148 && i < 156 ? std::uint64_t{' '} : static_cast<unsigned char>(block[i]);
  return sum;
}

std::string tar_name(const TarBlock& block) {
  const auto name = tar_field(block, 0, 100);
  const bool ustar = tar_field(block, 257, 5) == "ustar";
  const auto prefix = ustar ? tar_field(block, 345, 155) : "";
  return prefix.empty() ? name : prefix + "/" + name;
}

std::optional<std::string> pax_record(std::string_view records, std::string_view key, bool& sound) {
  std::optional<std::string> value;
  while (!records.empty()) {
    std::size_t length = 0, digits = 0;
    while (digits < records.size() && digits < 9 && records[digits] >= '0' &&
           records[digits] <= '9')
      length = length * 10 + static_cast<std::size_t>(records[digits++] - '0');
    if (digits == 0 || length <= digits + 1 || length > records.size()) {
      sound = false;
      return value;
    }
    const auto record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with(key) && record.substr(key.size()).starts_with('='))
      value = std::string(record.substr(key.size() + 1));
    if (record.find('=') == record.npos || records[digits] != ' ' || records[length - 1] != '\n')
      sound = false;
    records.remove_prefix(length);
  }
  return value;
}

}  // namespace sumi
