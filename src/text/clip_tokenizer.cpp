#include "text/clip_tokenizer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "text/bpe.h"
#include "text/unicode.h"
#include "text/word_cache.h"

namespace sumi {
namespace fs = std::filesystem;

namespace {

using Merges = std::vector<std::pair<std::string, std::string>>;

/// The published list has more merges than CLIP uses: 49152 - 256 - 2 of them count.
constexpr std::size_t kUsedMerges = 48894;
constexpr std::size_t kFileBytes = 64u << 20;

std::string inflate_file(const fs::path& file) {
  std::unique_ptr<gzFile_s, int (*)(gzFile)> input(gzopen(file.c_str(), "rb"), gzclose);
  if (!input)
    throw Error(fmt::format("{}: cannot be opened", file.string()),
                "check the path and its rights");
  std::string text;
  std::vector<char> block(1u << 16);
  int count = 0;
  while ((count = gzread(input.get(), block.data(), static_cast<unsigned>(block.size()))) > 0) {
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > kFileBytes)
      throw Error(fmt::format("{}: more than 64 MiB unpacked", file.string()),
                  "this is no CLIP vocabulary");
  }
  if (count < 0)
    throw Error(fmt::format("{}: damaged gzip data", file.string()), "fetch the file again");
  return text;
}

/// Reads "left right" lines behind a first line with the version.
Merges parse_merges(std::string_view text, const std::string& origin) {
  Merges merges;
  std::size_t line_number = 0;
  for (std::size_t at = 0; at < text.size() && merges.size() < kUsedMerges;) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (++line_number == 1 || line.empty()) continue;
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
        line.find(' ', space + 1) != std::string_view::npos)
      throw Error(fmt::format("{}: line {} is not a pair of symbols", origin, line_number),
                  "expected a BPE merges file: a version line, then two symbols per line");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  if (line_number == 0) throw Error(fmt::format("{}: empty", origin), "expected a BPE merges file");
  return merges;
}

std::string special_text(const Json& map, const char* name, std::string otherwise) {
  const auto found = map.find(name);
  if (found == map.end()) return otherwise;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string())
    return (*found)["content"].get<std::string>();
  return otherwise;
}

Json read_json_if_there(const fs::path& file) {
  return fs::exists(file) ? read_json(file) : Json::object();
}

}  // namespace

struct ClipTokenizer::Tables {
  explicit Tables(const Merges& merge_list, const std::string& origin)
      : merges(merge_list, origin) {}

  MergeTable merges;
  std::vector<int> symbol_ids;                       // per symbol of `merges`
  std::unordered_map<int, std::string> symbol_of;    // id -> symbol text
  std::vector<std::pair<std::string, int>> special;  // longest first
  int start = 0, end = 0, padding = 0, unknown = 0, comma = -1;
  int size = 0, max_length = 77;

  void number(const std::unordered_map<std::string, int>& ids);
  std::string text_of(int id) const;
};

void ClipTokenizer::Tables::number(const std::unordered_map<std::string, int>& ids) {
  for (const auto& symbol : merges.symbols()) {
    const auto found = ids.find(symbol);
    symbol_ids.push_back(found == ids.end() ? unknown : found->second);
  }
  for (const auto& [symbol, id] : ids) {
    symbol_of[id] = symbol;
    size = std::max(size, id + 1);
  }
  if (const auto found = ids.find(",</w>"); found != ids.end()) comma = found->second;
}

std::string ClipTokenizer::Tables::text_of(int id) const {
  const auto found = symbol_of.find(id);
  if (found == symbol_of.end())
    throw Error(fmt::format("token {} is not in the vocabulary of {}", id, size),
                "these ids were made with another tokenizer");
  return found->second;
}

/// What the words of one text have become so far, so that each is split once.
class ClipTokenizer::WordIds {
 public:
  explicit WordIds(const Tables& tables);

  /// Appends the ids of each word of the cleaned text.
  void append(std::u32string_view clean, std::vector<int>& ids);

 private:
  /// Longer words seldom come twice.
  static constexpr std::size_t kLongestKnown = 64;

  void split(std::string_view word, std::vector<int>& ids);

  const Tables& tables_;
  MergeTable::Scratch scratch_;
  std::deque<std::string> texts_;  // what the words of known_ point into
  WordCache known_;                // ranges of known_ids_
  std::vector<int> known_ids_;
};

ClipTokenizer::WordIds::WordIds(const Tables& tables) : tables_(tables) {
  for (const auto& [symbol, id] : tables.special) {
    if (!symbol.starts_with("<|")) continue;
    known_[symbol] = {static_cast<std::uint32_t>(known_ids_.size()), 1};
    known_ids_.push_back(id);
  }
}

void ClipTokenizer::WordIds::split(std::string_view word, std::vector<int>& ids) {
  const std::size_t begin = ids.size();
  tables_.merges.apply(word, scratch_, ids);
  for (std::size_t i = begin; i < ids.size(); ++i)
    ids[i] = tables_.symbol_ids[static_cast<std::size_t>(ids[i])];
}

void ClipTokenizer::WordIds::append(std::u32string_view clean, std::vector<int>& ids) {
  const std::string_view text = texts_.emplace_back(encode_utf8(clean));
  std::size_t at = 0, byte = 0;  // the same place, counted both ways
  const auto advance = [&](std::size_t to) {
    for (; at < to; ++at) byte += utf8_length(clean[at]);
    return byte;
  };
  for_each_word(clean, [&](std::size_t begin, std::size_t end) {
    const std::size_t from = advance(begin);
    const auto word = text.substr(from, advance(end) - from);
    if (word.size() > kLongestKnown) return split(word, ids);
    auto& known = known_[word];
    if (known.count == 0) {
      known.begin = static_cast<std::uint32_t>(known_ids_.size());
      split(word, known_ids_);
      known.count = static_cast<std::uint32_t>(known_ids_.size()) - known.begin;
    }
    for (std::size_t i = 0; i < known.count; ++i) ids.push_back(known_ids_[known.begin + i]);
  });
}

ClipTokenizer ClipTokenizer::from_merges(const fs::path& file) {
  if (!fs::exists(file))
    throw Error(fmt::format("{}: CLIP's vocabulary is missing", file.string()),
                "run scripts/setup once: it installs what Sumi needs");
  const auto merges = parse_merges(inflate_file(file), file.string());
  auto tables = std::make_shared<Tables>(merges, file.string());
  std::unordered_map<std::string, int> ids;
  ids.reserve(merges.size() + 514);
  int next = 0;
  for (const char* ending : {"", "</w>"})
    for (const unsigned char byte : byte_order()) ids[byte_symbols()[byte] + ending] = next++;
  for (const auto& [left, right] : merges) ids[left + right] = next++;
  tables->start = next++;
  tables->end = tables->padding = tables->unknown = next++;
  tables->special = {{"<|startoftext|>", tables->start}, {"<|endoftext|>", tables->end}};
  for (const auto& [text, id] : tables->special) ids[text] = id;
  tables->number(ids);
  return ClipTokenizer(std::move(tables));
}

ClipTokenizer ClipTokenizer::from_folder(const fs::path& folder) {
  for (const char* name : {"vocab.json", "merges.txt"})
    if (!fs::exists(folder / name))
      throw Error(fmt::format("{}: {} is missing", folder.string(), name),
                  "a CLIP tokenizer folder holds vocab.json and merges.txt");
  const auto vocabulary = read_json(folder / "vocab.json");
  const auto where = (folder / "vocab.json").string();
  if (!vocabulary.is_object())
    throw Error(where + ": not an object", "expected symbols and their ids");
  std::unordered_map<std::string, int> ids;
  for (const auto& [symbol, id] : vocabulary.items()) {
    if (!id.is_number_integer() || id < 0 || id > 10'000'000)
      throw Error(fmt::format("{}: the id of \"{}\" is not a whole number", where, symbol),
                  "fetch the file again");
    ids[symbol] = id.get<int>();
  }
  const auto merges =
      parse_merges(read_text_file(folder / "merges.txt"), (folder / "merges.txt").string());
  auto tables = std::make_shared<Tables>(merges, (folder / "merges.txt").string());
  const auto map = read_json_if_there(folder / "special_tokens_map.json");
  const auto config = read_json_if_there(folder / "tokenizer_config.json");
  if (!map.is_object() || !config.is_object())
    throw Error(folder.string() + ": the tokenizer's settings are not objects",
                "fetch the folder again");
  const auto special = [&](const char* name, const std::string& otherwise) {
    const auto text = special_text(map, name, special_text(config, name, otherwise));
    const auto found = ids.find(text);
    if (found == ids.end())
      throw Error(fmt::format("{}: the {} \"{}\" is not in the vocabulary", where, name, text),
                  "vocabulary and special_tokens_map.json belong to different tokenizers");
    const std::pair<std::string, int> entry{text, found->second};
    auto& list = tables->special;
    if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
    return found->second;
  };
  tables->start = special("bos_token", "<|startoftext|>");
  tables->end = special("eos_token", "<|endoftext|>");
  tables->padding = special("pad_token", "<|endoftext|>");
  tables->unknown = special("unk_token", "<|endoftext|>");
  tables->number(ids);
  if (const auto found = config.find("model_max_length"); found != config.end()) {
    // Some folders carry transformers' "no limit", 1e30: the network's own limit is 77 then.
    const double length = found->is_number() ? found->get<double>() : 0;
    if (!(length >= 3))
      throw Error(folder.string() + ": model_max_length is below 3", "77 is usual");
    if (length <= 100'000) tables->max_length = static_cast<int>(length);
  }
  return ClipTokenizer(std::move(tables));
}

ClipTokenizer ClipTokenizer::with_padding(const std::string& token) const {
  for (const auto& [id, symbol] : tables_->symbol_of) {
    if (symbol != token) continue;
    auto tables = std::make_shared<Tables>(*tables_);
    tables->padding = id;
    const std::pair<std::string, int> entry{token, id};
    if (std::find(tables->special.begin(), tables->special.end(), entry) == tables->special.end())
      tables->special.push_back(entry);
    return ClipTokenizer(std::move(tables));
  }
  throw Error(fmt::format("the vocabulary has no token \"{}\" to pad with", token),
              "\"!\" is id 0 in CLIP's");
}

namespace {

/// The first special token in `text` from `at` on, as transformers splits before any cleaning: the
/// leftmost, the longest of those; `npos` when there is none.
std::size_t next_special(std::string_view text, std::size_t at,
                         const std::vector<std::pair<std::string, int>>& special,
                         std::vector<std::size_t>& found, std::size_t& which) {
  std::size_t best = std::string_view::npos;
  for (std::size_t i = 0; i < special.size(); ++i) {
    if (found[i] < at) found[i] = text.find(special[i].first, at);
    const bool longer = best == found[i] && best != std::string_view::npos &&
                        special[i].first.size() > special[which].first.size();
    if (found[i] < best || longer) {
      best = found[i];
      which = i;
    }
  }
  return best;
}

}  // namespace

std::vector<int> ClipTokenizer::encode(std::string_view text, Cleaning cleaning) const {
  std::vector<int> ids;
  ids.reserve(text.size());  // untouched memory costs nothing, copies do
  WordIds words(*tables_);
  if (cleaning == Cleaning::openai) {
    words.append(clean_text(decode_utf8(text, "prompt"), cleaning), ids);
    return ids;
  }
  decode_utf8(text, "prompt");
  std::vector<std::size_t> found(tables_->special.size());
  for (std::size_t i = 0; i < found.size(); ++i) found[i] = text.find(tables_->special[i].first);
  std::size_t which = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t split = next_special(text, at, tables_->special, found, which);
    const auto piece = text.substr(at, split == std::string_view::npos ? split : split - at);
    words.append(clean_text(decode_utf8(piece, "prompt"), cleaning), ids);
    if (split == std::string_view::npos) break;
    ids.push_back(tables_->special[which].second);
    at = split + tables_->special[which].first.size();
  }
  return ids;
}

std::string ClipTokenizer::clean(std::string_view text, Cleaning cleaning) const {
  return encode_utf8(clean_text(decode_utf8(text, "prompt"), cleaning));
}

std::string ClipTokenizer::decode(std::span<const int> ids) const {
  std::string bytes;
  for (const int id : ids) {
    const auto symbol = tables_->text_of(id);
    if (!symbols_to_bytes(symbol, bytes)) bytes += symbol;
  }
  const auto text = replace_invalid_utf8(bytes);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find(kWordEnd, at);
    out += text.substr(at, end == std::string::npos ? end : end - at);
    if (end == std::string::npos) break;
    out += ' ';
    at = end + kWordEnd.size();
  }
  return out;
}

std::vector<int> ClipTokenizer::pad(std::span<const int> ids, int padding) const {
  const auto length = static_cast<std::size_t>(max_length());
  std::vector<int> out = {start_id()};
  out.insert(out.end(), ids.begin(),
             ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), length - 2)));
  out.push_back(end_id());
  out.resize(length, padding);
  return out;
}

int ClipTokenizer::start_id() const { return tables_->start; }
int ClipTokenizer::end_id() const { return tables_->end; }
int ClipTokenizer::pad_id() const { return tables_->padding; }
int ClipTokenizer::comma_id() const { return tables_->comma; }
int ClipTokenizer::vocabulary_size() const { return tables_->size; }
int ClipTokenizer::max_length() const { return tables_->max_length; }

}  // namespace sumi
