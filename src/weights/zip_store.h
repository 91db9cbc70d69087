#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace sumi {

/// The members of an archive by name. Names are data: nothing is ever opened or written under them.
using ZipMembers = std::map<std::string_view, std::span<const std::byte>>;

/// Reads a zip archive (with or without zip64) whose members are stored, in place: the views point
/// into `bytes`. Refused with an Error naming `origin`, member and offset: compressed or encrypted
/// members, a central directory that differs from the local headers, members that overlap or stand
/// twice, a wrong CRC, anything behind the end record.
ZipMembers read_stored_zip(std::span<const std::byte> bytes, const std::string& origin);

}  // namespace sumi
