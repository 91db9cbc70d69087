#include "data/csv.h"
#include "data/shard.h"
#include "input.h"

/// Any bytes as a WebDataset shard: members lie inside it, one after another, each name once; the
/// same bytes as CSV.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::answer([&] {
    std::uint64_t end = 0;
    for (const auto& member : sumi::list_shard(sumi::as_input(data, size), "input")) {
      sumi::require(member.offset >= end + 512 && member.offset <= size);
      sumi::require(member.size <= size - member.offset && !member.name.empty());
      sumi::require(sumi::shard_key(member.name).size() <= member.name.size());
      end = member.offset + member.size;
    }
  });
  sumi::answer([&] { sumi::parse_csv(sumi::as_text(data, size), "input"); });
  return 0;
}
