#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sumi {

/// What an EXIF block (a TIFF structure) says. Damaged blocks give what is readable.
struct Exif {
  int orientation = 1;                                      ///< 1 to 8
  std::string user_comment;                                 ///< UTF-8
  std::vector<std::pair<std::string, std::string>> fields;  ///< by name, UTF-8, in file order
};

/// `tiff` starts with "II" or "MM". Reads the first directory, its EXIF and its GPS directory.
Exif parse_exif(std::span<const std::byte> tiff);

/// A big-endian TIFF structure that holds only the UserComment, marked UNICODE and in UTF-16 as
/// A1111 writes it.
std::vector<std::byte> exif_with_comment(const std::string& utf8);

}  // namespace sumi
