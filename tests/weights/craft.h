#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Weight files put together byte by byte, right or wrong on purpose.

namespace sumi::craft {

/// A number in little-endian bytes.
template <class Number>
std::string bytes(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::span<const std::byte> as_bytes(std::string_view text);

/// A safetensors file: the header's length, the header, the data.
std::string safetensors(std::string_view header, std::string_view data = "");

/// A stored zip archive. What is written can be changed member by member.
struct ZipMember {
  std::string name = {}, data = {};
  std::uint32_t crc_change = 0;  ///< xored into the CRC in both headers
  std::uint16_t method = 0,
                flags = 0;      ///< with flag 8 the local header has zeros and a descriptor follows
  std::string local_name = {};  ///< in the local header, if it shall differ
  std::int64_t offset_change = 0;  ///< added to the offset in the directory
};
std::string zip(const std::vector<ZipMember>& members, bool zip64 = false);

/// Pickle opcodes.
std::string text(std::string_view value);                          ///< BINUNICODE
std::string number(std::int32_t value);                            ///< BININT
std::string name(std::string_view module, std::string_view name);  ///< GLOBAL
std::string tuple(const std::vector<std::string>& items);
std::string dict(const std::vector<std::pair<std::string, std::string>>& items);
std::string call(const std::string& callee, const std::vector<std::string>& arguments);  ///< REDUCE
std::string storage(std::string_view type, std::string_view key, std::int32_t count,
                    bool legacy = false);
std::string tensor(const std::string& storage, std::int32_t offset,
                   const std::vector<std::int32_t>& shape,
                   const std::vector<std::int32_t>& strides);
/// PROTO 2, the value, STOP.
std::string pickle(const std::string& value);

/// torch.save's zip form: data.pkl and the storages by key.
std::string torch_zip(const std::string& value, const std::map<std::string, std::string>& storages);

/// torch.save's older form; the storages in the order of their keys.
std::string torch_legacy(const std::string& value,
                         const std::vector<std::pair<std::string, std::string>>& storages,
                         std::size_t element_bytes);

}  // namespace sumi::craft
