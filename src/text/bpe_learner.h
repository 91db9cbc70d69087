#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sumi {

/// What a learned vocabulary is made of: pairs of symbols in order of rank.
struct LearnedBpe {
  std::vector<std::pair<std::string, std::string>> merges;

  /// 256 bytes, the same ending a word, the merges, start and end.
  int vocabulary_size() const { return 512 + static_cast<int>(merges.size()) + 2; }
};

/// Learns a CLIP-format byte-level byte-pair encoding (Sennrich et al. 2016) from captions, cleaned
/// and split as ClipTokenizer does. Repeats: join the most frequent pair; equal counts go to the
/// pair that comes first as text, so the result depends on the captions alone, not on their order.
/// Ends at `vocabulary_size` or when no pair occurs twice. Throws Error when the size is below 514.
LearnedBpe learn_bpe(std::span<const std::string> captions, int vocabulary_size);

/// Writes vocab.json, merges.txt, special_tokens_map.json and tokenizer_config.json (`max_length`
/// as model_max_length), as ClipTokenizer::from_folder and transformers' CLIPTokenizer read them.
void save_tokenizer_folder(const std::filesystem::path& folder, const LearnedBpe& learned,
                           int max_length = 77);

}  // namespace sumi
