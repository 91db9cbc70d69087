#pragma once

#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

namespace sumi {

/// A zip archive of these members, every second one deflated, the others stored.
inline std::string small_zip(const std::vector<std::pair<std::string, std::string>>& members) {
  const auto number = [](std::size_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 255);
    return text;
  };
  const auto deflated = [](const std::string& content) {
    std::string packed(content.size() + 64, '\0');
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
  };
  std::string archive, directory;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& [name, content] = members[i];
    const bool packs = i % 2 == 1;
    const auto data = packs ? deflated(content) : content;
    const auto sum =
        crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
    const auto common = number(20, 2) + number(0, 2) + number(packs ? 8 : 0, 2) + number(0, 4) +
                        number(sum, 4) + number(data.size(), 4) + number(content.size(), 4) +
                        number(name.size(), 2) + number(0, 2);
    directory += "PK\1\2" + number(20, 2) + common + number(0, 2) + number(0, 2) + number(0, 2) +
                 number(0, 4) + number(archive.size(), 4) + name;
    archive += "PK\3\4" + common + name + data;
  }
  const auto start = archive.size();
  return archive + directory + "PK\5\6" + number(0, 4) + number(members.size(), 2) +
         number(members.size(), 2) + number(directory.size(), 4) + number(start, 4) + number(0, 2);
}

}  // namespace sumi
