#include "weights/header_scanner.h"

#include <fmt/format.h>

#include <limits>

#include "core/error.h"
#include "weights/names.h"

namespace sumi {
namespace {

void append_code_point(std::string& out, unsigned code) {
  const auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](unsigned shift) { put(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) return put(0xC0 | (code >> 6)), tail(0);
  if (code < 0x10000) return put(0xE0 | (code >> 12)), tail(6), tail(0);
  put(0xF0 | (code >> 18)), tail(12), tail(6), tail(0);
}

}  // namespace

HeaderScanner::HeaderScanner(std::string_view text, std::string origin, std::size_t offset)
    : text_(text), origin_(std::move(origin)), offset_(offset) {}

void HeaderScanner::fail(const std::string& what) const {
  throw Error(fmt::format("{}: {} (byte {})", origin_, what, offset_ + at_),
              "the file is damaged or not a safetensors file; fetch it again");
}

void HeaderScanner::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
}

char HeaderScanner::next(const char* expected) {
  if (at_ >= text_.size()) fail(fmt::format("the header ends where {} should stand", expected));
  return text_[at_++];
}

bool HeaderScanner::accept(char symbol) {
  skip_space();
  if (at_ >= text_.size() || text_[at_] != symbol) return false;
  ++at_;
  return true;
}

void HeaderScanner::expect(char symbol) {
  if (!accept(symbol)) fail(fmt::format("the header lacks a '{}' here", symbol));
}

std::string HeaderScanner::text(std::size_t max_bytes) {
  expect('"');
  std::string out;
  for (;;) {
    const char c = next("a closing quote");
    if (c == '"') break;
    if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a text");
    if (c == '\\')
      append_escape(out);
    else
      out.push_back(c);
    if (out.size() > max_bytes)
      fail(fmt::format("a text in the header is longer than {} bytes", max_bytes));
  }
  if (!is_utf8(out)) fail("a text is not UTF-8");
  return out;
}

std::int64_t HeaderScanner::natural() {
  skip_space();
  const std::size_t start = at_;
  std::int64_t value = 0;
  for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
    const int digit = text_[at_] - '0';
    if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10)
      fail("a number in the header is too large");
    value = 10 * value + digit;
  }
  if (at_ == start) fail("the header lacks a whole number (0 or more) here");
  if (text_[start] == '0' && at_ - start > 1) fail("a number in the header has a leading zero");
  return value;
}

void HeaderScanner::end() {
  skip_space();
  if (at_ != text_.size()) fail("the header goes on after its closing brace");
}

unsigned HeaderScanner::hexadecimal() {
  unsigned value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = next("a hexadecimal digit");
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) fail("an escape \\u needs four hexadecimal digits");
    value = 16 * value + static_cast<unsigned>(digit);
  }
  return value;
}

void HeaderScanner::append_escape(std::string& out) {
  static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const char c = next("an escape");
  if (const auto i = kLetters.find(c); i != std::string_view::npos) {
    out.push_back(kMeanings[i]);
    return;
  }
  if (c != 'u') fail("an unknown escape in a text");
  unsigned code = hexadecimal();
  if (code >= 0xDC00 && code < 0xE000) fail("half a surrogate pair in a text");
  if (code >= 0xD800 && code < 0xDC00) {
    if (next("a surrogate") != '\\' || next("a surrogate") != 'u')
      fail("half a surrogate pair in a text");
    const unsigned low = hexadecimal();
    if (low < 0xDC00 || low >= 0xE000) fail("half a surrogate pair in a text");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_code_point(out, code);
}

}  // namespace sumi
