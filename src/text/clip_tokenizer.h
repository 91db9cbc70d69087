#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/cleaning.h"

namespace sumi {

/// CLIP's byte-level byte-pair encoding (Radford et al. 2021; openai/CLIP's simple_tokenizer).
/// Immutable and cheap to copy; encode may be called from several threads at once.
class ClipTokenizer {
 public:
  /// Reads `vocab.json` and `merges.txt`, and where present `special_tokens_map.json` and
  /// `tokenizer_config.json` (transformers' layout). Throws Error naming the file.
  static ClipTokenizer from_folder(const std::filesystem::path& folder);

  /// Reads the merges alone (`bpe_simple_vocab_16e6.txt`, plain or .gz) and numbers the vocabulary
  /// as openai/CLIP does: 256 bytes, the same ending a word, the merges, start, end.
  static ClipTokenizer from_merges(const std::filesystem::path& file);

  /// The same vocabulary padded with another of its tokens; "!" (id 0) as SD 2 does.
  ClipTokenizer with_padding(const std::string& token) const;

  /// Ids without start and end. Linear time. Throws Error on invalid UTF-8.
  std::vector<int> encode(std::string_view text, Cleaning cleaning = Cleaning::openai) const;

  /// What is split into words: the cleaned, lower-cased text.
  std::string clean(std::string_view text, Cleaning cleaning = Cleaning::openai) const;

  /// The text of ids; each word is followed by a space. Throws Error on an id outside the
  /// vocabulary.
  std::string decode(std::span<const int> ids) const;

  /// `max_length()` ids: start, as many of `ids` as fit, end, then `padding`.
  std::vector<int> pad(std::span<const int> ids, int padding) const;
  std::vector<int> pad(std::span<const int> ids) const { return pad(ids, pad_id()); }

  int start_id() const;
  int end_id() const;
  /// SD 1: the end id; SD 2: 0. Merges alone name no padding: the end id.
  int pad_id() const;
  /// The id of a comma that ends a word, where A1111 prefers to break chunks; -1 when there is
  /// none.
  int comma_id() const;
  int vocabulary_size() const;
  /// Ids in one sequence with start and end: 77 unless tokenizer_config's model_max_length says
  /// otherwise.
  int max_length() const;

 private:
  struct Tables;
  class WordIds;
  explicit ClipTokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

  std::shared_ptr<const Tables> tables_;
};

}  // namespace sumi
