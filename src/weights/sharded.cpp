#include "weights/sharded.h"

#include <fmt/format.h>

#include <set>

#include "core/error.h"
#include "core/json.h"
#include "weights/names.h"

namespace sumi {
namespace {

constexpr std::size_t kMaxIndexBytes = 4u << 20;
constexpr std::size_t kMaxShards = 256;
constexpr int kMaxDepth = 8;

/// The index's table: tensor to shard.
std::map<std::string, std::string> read_table(const std::string& origin, std::string_view text) {
  const std::string hint = "fetch the index and its files again";
  if (text.size() > kMaxIndexBytes)
    throw Error(fmt::format("{}: an index of {} bytes is too large", origin, text.size()), hint);
  const Json index = parse_json(text, origin, kMaxDepth);
  const auto table = index.find("weight_map");
  if (table == index.end() || !table->is_object())
    throw Error(fmt::format("{}: JSON without a \"weight_map\", so no index of weights", origin),
                "give the weight file itself");
  std::map<std::string, std::string> shard_of;
  for (const auto& [name, shard] : table->items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>()))
      throw Error(fmt::format("{}: tensor {} lies in {}, which is not a plain file name", origin,
                              in_quotes(name), in_quotes(shard.dump())),
                  hint);
    if (name.size() > kMaxNameBytes)
      throw Error(fmt::format("{}: the name {} is too long", origin, in_quotes(name)), hint);
    shard_of.emplace(name, shard.get<std::string>());
  }
  return shard_of;
}

}  // namespace

WeightFile open_sharded(const std::filesystem::path& index_file, std::string_view index_text) {
  const std::string origin = index_file.string(), hint = "fetch the index and its files again";
  const auto shard_of = read_table(origin, index_text);
  std::set<std::string> shards;
  for (const auto& [name, shard] : shard_of) shards.insert(shard);
  if (shards.empty() || shards.size() > kMaxShards)
    throw Error(fmt::format("{}: an index of {} files", origin, shards.size()), hint);

  WeightFile all;
  auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (const std::string& shard : shards) {
    WeightFile part = open_single_weight_file(index_file.parent_path() / shard);
    for (auto& [name, view] : part.tensors) {
      const auto row = shard_of.find(name);
      if (row == shard_of.end() || row->second != shard)
        throw Error(fmt::format("{}: tensor {} lies in {}, but the index does not say so", origin,
                                in_quotes(name), shard),
                    hint);
      all.tensors.emplace(name, std::move(view));
    }
    all.metadata.merge(part.metadata);
    owners->push_back(std::move(part.owner));
    all.format = "sharded " + part.format;
  }
  for (const auto& [name, shard] : shard_of)
    if (!all.tensors.contains(name))
      throw Error(fmt::format("{}: tensor {} is not in {}", origin, in_quotes(name), shard), hint);
  all.owner = owners;
  return all;
}

}  // namespace sumi
