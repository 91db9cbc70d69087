#include "text/bpe_learner.h"

#include <fmt/format.h>

#include <map>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "text/bpe.h"
#include "text/cleaning.h"
#include "text/unicode.h"

namespace sumi {
namespace {

using Pair = std::pair<int, int>;

struct Word {
  std::vector<int> symbols;
  long count = 0;
};

/// The captions' words and the pairs in them, kept up to date while pairs are joined.
class Corpus {
 public:
  explicit Corpus(std::span<const std::string> captions);

  /// Joins the best pair and tells what it was; false when no pair occurs twice.
  bool join_best(std::pair<std::string, std::string>& joined);

 private:
  struct Candidate {
    long count;
    std::string left, right;
    Pair pair;
    /// Frequent first, then in the order of the text, which does not depend on numbering.
    bool operator<(const Candidate& other) const {
      if (count != other.count) return count < other.count;
      return std::tie(left, right) > std::tie(other.left, other.right);
    }
  };

  int symbol(const std::string& text);
  void count_pairs(std::size_t word, long sign, std::set<Pair>& touched);
  void offer(const Pair& pair);
  void join(const Pair& pair, int result);

  std::vector<std::string> texts_;
  std::unordered_map<std::string, int> numbers_;
  std::vector<Word> words_;
  std::map<Pair, long> counts_;
  std::map<Pair, std::set<std::size_t>> where_;
  std::priority_queue<Candidate> queue_;
};

Corpus::Corpus(std::span<const std::string> captions) {
  for (const char* ending : {"", "</w>"})
    for (const unsigned char byte : byte_order()) symbol(byte_symbols()[byte] + ending);
  std::map<std::string, long> counts;
  for (const auto& caption : captions) {
    const auto clean = clean_text(decode_utf8(caption, "caption"), Cleaning::openai);
    for_each_word(clean, [&](std::size_t begin, std::size_t end) {
      ++counts[encode_utf8(std::u32string_view(clean).substr(begin, end - begin))];
    });
  }
  std::set<Pair> touched;
  for (const auto& [text, count] : counts) {
    if (text == "<|startoftext|>" || text == "<|endoftext|>") continue;
    Word word{{}, count};
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto& byte = byte_symbols()[static_cast<unsigned char>(text[i])];
      word.symbols.push_back(symbol(i + 1 == text.size() ? byte + std::string(kWordEnd) : byte));
    }
    words_.push_back(std::move(word));
    count_pairs(words_.size() - 1, +1, touched);
  }
  for (const auto& pair : touched) offer(pair);
}

int Corpus::symbol(const std::string& text) {
  const auto [found, is_new] = numbers_.emplace(text, static_cast<int>(texts_.size()));
  if (is_new) texts_.push_back(text);
  return found->second;
}

void Corpus::count_pairs(std::size_t word, long sign, std::set<Pair>& touched) {
  const auto& [symbols, count] = words_[word];
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
    const Pair pair{symbols[i], symbols[i + 1]};
    counts_[pair] += sign * count;
    if (sign > 0) where_[pair].insert(word);
    touched.insert(pair);
  }
}

void Corpus::offer(const Pair& pair) {
  const auto text = [&](int number) { return texts_[static_cast<std::size_t>(number)]; };
  if (counts_[pair] >= 2) queue_.push({counts_[pair], text(pair.first), text(pair.second), pair});
}

void Corpus::join(const Pair& pair, int result) {
  std::set<Pair> touched;
  const auto places = std::move(where_[pair]);
  for (const std::size_t index : places) {
    count_pairs(index, -1, touched);
    auto& symbols = words_[index].symbols;
    std::vector<int> joined;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const bool here =
          i + 1 < symbols.size() && symbols[i] == pair.first && symbols[i + 1] == pair.second;
      joined.push_back(here ? result : symbols[i]);
      if (here) ++i;
    }
    symbols = std::move(joined);
    count_pairs(index, +1, touched);
  }
  for (const auto& other : touched) offer(other);
}

bool Corpus::join_best(std::pair<std::string, std::string>& joined) {
  while (!queue_.empty()) {
    const auto best = queue_.top();
    queue_.pop();
    // Stale counts are left in the queue; a text that exists already would need a second id.
    if (best.count != counts_[best.pair] || numbers_.contains(best.left + best.right)) continue;
    join(best.pair, symbol(best.left + best.right));
    joined = {best.left, best.right};
    return true;
  }
  return false;
}

void write_json(const std::filesystem::path& file, const Json& json) {
  write_file(file, json.dump(2) + "\n");
}

}  // namespace

LearnedBpe learn_bpe(std::span<const std::string> captions, int vocabulary_size) {
  constexpr int kSmallest = 514;
  if (vocabulary_size < kSmallest)
    throw Error(fmt::format("a vocabulary of {} has no room for the bytes", vocabulary_size),
                fmt::format("use {} or more", kSmallest));
  Corpus corpus(captions);
  LearnedBpe learned;
  std::pair<std::string, std::string> joined;
  while (learned.vocabulary_size() < vocabulary_size && corpus.join_best(joined))
    learned.merges.push_back(joined);
  return learned;
}

void save_tokenizer_folder(const std::filesystem::path& folder, const LearnedBpe& learned,
                           int max_length) {
  const std::string start = "<|startoftext|>", end = "<|endoftext|>";
  Json vocabulary = Json::object();
  int next = 0;
  for (const char* ending : {"", "</w>"})
    for (const unsigned char byte : byte_order())
      vocabulary[byte_symbols()[byte] + ending] = next++;
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : learned.merges) {
    vocabulary[left + right] = next++;
    merges += left + " " + right + "\n";
  }
  vocabulary[start] = next++;
  vocabulary[end] = next++;
  std::filesystem::create_directories(folder);
  write_file(folder / "vocab.json", vocabulary.dump() + "\n");
  write_file(folder / "merges.txt", merges);
  write_json(
      folder / "special_tokens_map.json",
      Json{{"bos_token", start}, {"eos_token", end}, {"pad_token", end}, {"unk_token", end}});
  write_json(folder / "tokenizer_config.json", Json{{"add_prefix_space", false},
                                                    {"bos_token", start},
                                                    {"do_lower_case", true},
                                                    {"eos_token", end},
                                                    {"errors", "replace"},
                                                    {"model_max_length", max_length},
                                                    {"pad_token", end},
                                                    {"tokenizer_class", "CLIPTokenizer"},
                                                    {"unk_token", end}});
}

}  // namespace sumi
