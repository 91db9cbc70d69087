#pragma once

#include <string>
#include <vector>

namespace sumi::craft {

/// Small correct files of every format: where mutations start.
std::vector<std::string> seed_safetensors();
std::vector<std::string> seed_pickles();
std::vector<std::string> seed_zips();
std::vector<std::string> seed_legacy();

/// Wraps a pickle, perhaps a damaged one, into a correct archive with a storage "0" of 64 bytes.
std::string archive_around(const std::string& pickle);

}  // namespace sumi::craft
