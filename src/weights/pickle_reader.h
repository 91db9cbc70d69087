#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace sumi {

/// The bytes of a pickle, read from the front. Every way past the end is an Error that names the
/// file and the opcode's offset.
class PickleReader {
 public:
  /// `origin` must outlive the reader; `offset` is where `bytes` begins in the file.
  PickleReader(std::span<const std::byte> bytes, const std::string& origin, std::size_t offset)
      : bytes_(bytes), origin_(origin), offset_(offset) {}

  std::uint8_t opcode() {
    start_ = at_;
    return number<std::uint8_t>();
  }

  /// A number, little-endian.
  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view text(std::uint64_t count);

  /// A line of GLOBAL: up to a newline, which is left out.
  std::string_view line();

  std::size_t position() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }

  /// Throws Error: the file is damaged.
  [[noreturn]] void fail(const std::string& what) const;

  /// Throws Error: the file asks for a name that is not on the allow-list.
  [[noreturn]] void refuse(std::string_view module, std::string_view name) const;

 private:
  std::span<const std::byte> take(std::uint64_t count);

  std::span<const std::byte> bytes_;
  const std::string& origin_;
  std::size_t offset_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;  // of the current opcode
};

}  // namespace sumi
