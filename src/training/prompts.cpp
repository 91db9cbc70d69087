#include "training/prompts.h"

#include <algorithm>

#include "core/files.h"
#include "text/bpe_learner.h"
#include "training/export.h"

namespace sumi {
namespace fs = std::filesystem;

ClipTokenizer learned_tokenizer(const TokenizerConfig& config, const Dataset& dataset,
                                const fs::path& folder) {
  return learned_tokenizer(
      config, [&](std::uint64_t i) { return dataset.caption_at(i); }, folder);
}

ClipTokenizer learned_tokenizer(const TokenizerConfig& config,
                                const std::function<std::string(std::uint64_t)>& prompt,
                                const fs::path& folder) {
  std::vector<std::string> captions;
  for (int i = 0; i < config.captions; ++i)
    captions.push_back(prompt(static_cast<std::uint64_t>(i)));
  make_folder(folder);
  save_tokenizer_folder(folder, learn_bpe(captions, config.vocabulary_size), config.max_length);
  return ClipTokenizer::from_folder(folder);
}

ClipTokenizer copied_tokenizer(const fs::path& from, const fs::path& folder) {
  make_folder(folder);
  for (const char* name :
       {"vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"})
    if (fs::exists(from / name)) write_file(folder / name, read_text_file(from / name));
  return ClipTokenizer::from_folder(folder);
}

ClipTextConfig fitted(ClipTextConfig config, const ClipTokenizer& tokenizer) {
  config.vocab_size = tokenizer.vocabulary_size();
  config.max_position_embeddings = tokenizer.max_length();
  config.eos_token_id = tokenizer.end_id();
  return config;
}

Tensor ids_of(std::span<const std::string> prompts, const ClipTokenizer& tokenizer) {
  const std::int64_t length = tokenizer.max_length();
  Tensor ids = at::empty({static_cast<std::int64_t>(prompts.size()), length}, torch::kLong);
  auto* row = ids.data_ptr<std::int64_t>();
  for (const std::string& prompt : prompts) {
    const auto padded = tokenizer.pad(tokenizer.encode(prompt));
    row = std::copy(padded.begin(), padded.end(), row);
  }
  return ids;
}

}  // namespace sumi
