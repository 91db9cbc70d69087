#include "craft.h"

#include <zlib.h>

namespace sumi::craft {

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string safetensors(std::string_view header, std::string_view data) {
  return bytes<std::uint64_t>(header.size()).append(header).append(data);
}

std::string zip(const std::vector<ZipMember>& members, bool zip64) {
  std::string out, directory;
  for (const ZipMember& member : members) {
    const auto offset =
        static_cast<std::uint32_t>(static_cast<std::int64_t>(out.size()) + member.offset_change);
    const auto size = static_cast<std::uint32_t>(member.data.size());
    const auto crc = static_cast<std::uint32_t>(
                         ::crc32(0, reinterpret_cast<const Bytef*>(member.data.data()), size)) ^
                     member.crc_change;
    const bool later = member.flags & 8;
    const std::string local = member.local_name.empty() ? member.name : member.local_name;
    const std::uint32_t shown = later ? 0 : size;
    out += bytes<std::uint32_t>(0x04034b50) + bytes<std::uint16_t>(0) + bytes(member.flags) +
           bytes(member.method) + bytes<std::uint32_t>(0) + bytes<std::uint32_t>(later ? 0 : crc) +
           bytes(shown) + bytes(shown) +
           bytes<std::uint16_t>(static_cast<std::uint16_t>(local.size())) +
           bytes<std::uint16_t>(0) + local + member.data;
    if (later) out += bytes<std::uint32_t>(0x08074b50) + bytes(crc) + bytes(size) + bytes(size);
    directory += bytes<std::uint32_t>(0x02014b50) + bytes<std::uint32_t>(0) + bytes(member.flags) +
                 bytes(member.method) + bytes<std::uint32_t>(0) + bytes(crc) + bytes(size) +
                 bytes(size) +
                 bytes<std::uint16_t>(static_cast<std::uint16_t>(member.name.size())) +
                 std::string(12, '\0') + bytes(offset) + member.name;
  }
  const auto start = static_cast<std::uint64_t>(out.size()),
             size = static_cast<std::uint64_t>(directory.size());
  const auto count = static_cast<std::uint64_t>(members.size());
  out += directory;
  if (zip64) {
    const std::uint64_t record = out.size();
    out += bytes<std::uint32_t>(0x06064b50) + bytes<std::uint64_t>(44) + std::string(12, '\0') +
           bytes(count) + bytes(count) + bytes(size) + bytes(start);
    out += bytes<std::uint32_t>(0x07064b50) + bytes<std::uint32_t>(0) + bytes(record) +
           bytes<std::uint32_t>(1);
  }
  const auto small = static_cast<std::uint16_t>(count);
  return out + bytes<std::uint32_t>(0x06054b50) + bytes<std::uint32_t>(0) + bytes(small) +
         bytes(small) + bytes(static_cast<std::uint32_t>(size)) +
         bytes(zip64 ? 0xFFFFFFFFu : static_cast<std::uint32_t>(start)) + bytes<std::uint16_t>(0);
}

std::string text(std::string_view value) {
  return ("X" + bytes(static_cast<std::uint32_t>(value.size()))).append(value);
}

std::string number(std::int32_t value) { return "J" + bytes(value); }

std::string name(std::string_view module, std::string_view name) {
  return std::string("c").append(module).append("\n").append(name).append("\n");
}

std::string tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const auto& item : items) out += item;
  return out + "t";
}

std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + "u";
}

std::string call(const std::string& callee, const std::vector<std::string>& arguments) {
  return callee + tuple(arguments) + "R";
}

std::string storage(std::string_view type, std::string_view key, std::int32_t count, bool legacy) {
  std::vector<std::string> id = {text("storage"), name("torch", type), text(key), text("cpu"),
                                 number(count)};
  if (legacy) id.push_back("N");
  return tuple(id) + "Q";
}

std::string tensor(const std::string& storage, std::int32_t offset,
                   const std::vector<std::int32_t>& shape,
                   const std::vector<std::int32_t>& strides) {
  std::vector<std::string> extents, steps;
  for (const auto extent : shape) extents.push_back(number(extent));
  for (const auto step : strides) steps.push_back(number(step));
  return call(name("torch._utils", "_rebuild_tensor_v2"),
              {storage, number(offset), tuple(extents), tuple(steps), "\x89",
               call(name("collections", "OrderedDict"), {})});
}

std::string pickle(const std::string& value) { return "\x80\x02" + value + "."; }

std::string torch_zip(const std::string& value,
                      const std::map<std::string, std::string>& storages) {
  std::vector<ZipMember> members;
  members.push_back(
      {.name = "archive/data.pkl", .data = pickle(value), .flags = 0x808, .local_name = {}});
  for (const auto& [key, data] : storages)
    members.push_back(
        {.name = "archive/data/" + key, .data = data, .flags = 0x808, .local_name = {}});
  members.push_back({.name = "archive/version", .data = "3\n", .flags = 0x808, .local_name = {}});
  return zip(members, true);
}

std::string torch_legacy(const std::string& value,
                         const std::vector<std::pair<std::string, std::string>>& storages,
                         std::size_t element_bytes) {
  std::string out("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  out += pickle("M\xe9\x03");
  out += pickle(dict({{"protocol_version", "M\xe9\x03"},
                      {"little_endian", "\x88"},
                      {"type_sizes", dict({{"int", number(4)}})}}));
  out += pickle(value);
  std::string keys = "](";
  for (const auto& [key, data] : storages) keys += text(key);
  out += pickle(keys + "e");
  for (const auto& [key, data] : storages)
    out += bytes<std::int64_t>(static_cast<std::int64_t>(data.size() / element_bytes)) + data;
  return out;
}

}  // namespace sumi::craft
