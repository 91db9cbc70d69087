#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/files.h"
#include "data_inputs.h"

// Small correct inputs of the parsers of training data.

namespace sumi {

inline std::vector<std::string> shard_seeds() {
  std::vector<std::string> seeds;
  for (const auto& key : {std::string("0"), std::string(120, 'n')}) {
    const TemporaryDirectory folder;
    ShardWriter writer(folder.path(), "s", 1u << 20);
    const ShardWriter::Part parts[] = {{"png", "pixels"}, {"txt", "a fox"}};
    writer.add(key, parts);
    writer.add(key + "1", parts);
    seeds.push_back(read_text_file(writer.finish().front()));
  }
  return seeds;
}

inline std::vector<std::string> csv_seeds() {
  return {"file_name,text\na.png,\"a \"\"fox\"\"\"\nb.png,\"two\nlines, a comma\"\r\n\r\nc.png,\n",
          "\xEF\xBB\xBF"
          "from,to\n\"1girl\",a girl\n,\n\"\"\n"};
}

/// Files of a DiskCache under kKeptKey.
inline std::vector<std::string> kept_seeds() {
  std::vector<std::string> seeds;
  for (const std::size_t size : {1u, 100u}) {
    const TemporaryDirectory folder;
    const DiskCache cache(folder.path(), "{}", 1u << 20);
    cache.keep(kKeptKey, std::vector<std::byte>(size, std::byte{7}));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
      if (entry.path().extension() == ".kept") seeds.push_back(read_text_file(entry.path()));
  }
  return seeds;
}

inline std::vector<std::string> record_seeds() {
  return {
      R"({"file_name": "a.png", "caption": "a  fox\\nby night", "tags": ["red", "soft light", 3]})",
      R"({"text": "caf\u00e9 \ud83e\udd8a", "license": "MIT", "artist": "Ann", "tags": "a, b;c"})",
      R"({"prompt": " ", "description": "x", "title": "t", "category": "g", "noai": true,
              "credit": null, "meta": {"rights": ["DMI-PROHIBITED", {"deep": 1e9}]}})"};
}

}  // namespace sumi
