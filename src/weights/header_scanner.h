#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sumi {

/// Reads the few forms of JSON that a safetensors header consists of, byte by byte and without
/// building a document: nothing is allocated but the texts that are asked for. Throws Error with
/// the offset in the file.
class HeaderScanner {
 public:
  /// `offset` is where `text` begins in the file.
  HeaderScanner(std::string_view text, std::string origin, std::size_t offset);

  /// Skips white space and reads one of `{ } [ ] : ,`.
  void expect(char symbol);
  /// Skips white space; reads the symbol and returns true if it comes next.
  bool accept(char symbol);
  /// A text in quotes, decoded to UTF-8, at most `max_bytes` long.
  std::string text(std::size_t max_bytes);
  /// A non-negative integer below 2^63.
  std::int64_t natural();
  /// Nothing but white space may follow.
  void end();

  [[noreturn]] void fail(const std::string& what) const;

 private:
  void skip_space();
  char next(const char* expected);
  unsigned hexadecimal();
  void append_escape(std::string& out);

  std::string_view text_;
  std::string origin_;
  std::size_t offset_;
  std::size_t at_ = 0;
};

}  // namespace sumi
