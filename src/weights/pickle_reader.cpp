#include "weights/pickle_reader.h"

#include <fmt/format.h>

#include "core/error.h"
#include "weights/names.h"

namespace sumi {
namespace {

constexpr std::size_t kMaxName = 256;

/// in_quotes without the quotes.
std::string bare(std::string_view name) {
  const std::string shown = in_quotes(name);
  return shown.substr(1, shown.size() - 2);
}

}  // namespace

void PickleReader::fail(const std::string& what) const {
  throw Error(fmt::format("{}: {} (byte {})", origin_, what, offset_ + start_),
              "the file is damaged or holds more than weights; use its safetensors form");
}

void PickleReader::refuse(std::string_view module, std::string_view name) const {
  throw Error(fmt::format("{}: the pickle asks for {}.{}, which is not plain data (byte {})",
                          origin_, bare(module), bare(name), offset_ + start_),
              "refused, because such a file can run programs; use its safetensors form");
}

std::span<const std::byte> PickleReader::take(std::uint64_t count) {
  if (count > left()) fail(fmt::format("{} bytes are announced, {} are left", count, left()));
  at_ += count;
  return bytes_.subspan(at_ - count, count);
}

std::string_view PickleReader::text(std::uint64_t count) {
  const auto raw = take(count);
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string_view PickleReader::line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, left());
  const auto length = rest.substr(0, kMaxName + 1).find('\n');
  if (length == std::string_view::npos) fail("a name in the pickle has no end");
  at_ += length + 1;
  return rest.substr(0, length);
}

}  // namespace sumi
