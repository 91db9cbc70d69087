#pragma once

// What has to hold of any bytes that the parsers of training data are given. The fuzz targets and
// the mutants of tests/data run the same functions; each returns whether the bytes were accepted.

#include <fmt/format.h>

#include <string>

#include "data/collection.h"
#include "data/csv.h"
#include "data/disk_cache.h"
#include "data/shard.h"
#include "input.h"

namespace sumi {

/// Members of a shard lie inside it, one after another, each name once.
inline bool check_shard(std::span<const std::byte> bytes) {
  return answer([&] {
    std::uint64_t end = 0;
    for (const auto& member : list_shard(bytes, "input")) {
      require(member.offset >= end + 512 && member.offset <= bytes.size());
      require(member.size <= bytes.size() - member.offset && !member.name.empty());
      require(shard_key(member.name).size() <= member.name.size());
      end = member.offset + member.size;
    }
  });
}

/// Records of CSV are written and read again without loss.
inline bool check_csv(std::string_view text) {
  return answer([&] {
    const auto records = parse_csv(text, "input");
    std::string again;
    for (const auto& record : records) {
      again += "x";  // keeps a record of one empty field from being an empty line
      for (const auto& field : record) (again += ',') += csv_field(field);
      again += "\n";
    }
    const auto read = parse_csv(again, "output");
    require(read.size() == records.size());
    for (std::size_t i = 0; i < read.size(); ++i)
      require(std::equal(read[i].begin() + 1, read[i].end(), records[i].begin(), records[i].end()));
  });
}

/// The key that kept_seed() is kept under.
inline const std::string kKeptKey = "a picture, framing 1 64x64";

/// A kept file gives all of its content or nothing.
inline bool check_kept(std::span<const std::byte> file) {
  const auto content = kept_content(file, kKeptKey);
  require(content.empty() || (content.data() + content.size() == file.data() + file.size() &&
                              content.size() < file.size()));
  require(kept_content(file, kKeptKey + "!").empty());
  return !content.empty();
}

/// What a record says of a picture can be kept as a line of a list and comes back the same;
/// captions are one line.
inline bool check_record(std::string_view text) {
  return answer([&] {
    OwnPicture picture;
    fill_from_record(picture, parse_json(text, "input"));
    for (const auto* words : {&picture.row.caption, &picture.row.name, &picture.row.author})
      require(words->find_first_of("\r\n") == std::string::npos);
    const auto line = to_json(picture.row).dump();
    Row row;
    from_json(parse_json(line, "output"), row, "output");
    require(to_json(row).dump() == line);
  });
}

}  // namespace sumi
