#pragma once

#include <span>
#include <string>
#include <vector>

#include "text/clip_tokenizer.h"
#include "text/prompt.h"

namespace sumi {

/// A learned embedding (textual inversion) that prompts may name: it takes the place of `vectors`
/// tokens.
struct EmbeddingName {
  std::string name;
  int vectors = 1;
};

/// Where an embedding's vectors replace those of the ids, which are 0 there.
struct EmbeddingPlace {
  std::string name;
  int offset = 0;  // index into TokenChunk::ids
  int vectors = 1;
};

/// One input of the text encoder.
struct TokenChunk {
  std::vector<int> ids;        // [max_length]: start, text, end, padding
  std::vector<float> weights;  // [max_length]: 1 but for weighted text
  std::vector<EmbeddingPlace> embeddings;
};

struct TokenLayout {
  std::vector<TokenChunk> chunks;  // at least one
  int token_count = 0;  // as A1111 counts: full chunks before the last, and the last one's text
  std::string cut;      // LongText::cut: the text that did not fit, empty when all did
  int cut_tokens = 0;
};

struct ChunkOptions {
  LongText long_text = LongText::chunks;
  /// When text runs over a chunk's end and the last comma is at most this many tokens back, all
  /// behind the comma moves to the next chunk. 0: never.
  int comma_backtrack = 20;
  /// False: weights are all 1.
  bool weighted = true;
  Cleaning cleaning = Cleaning::openai;
  std::span<const EmbeddingName> embeddings = {};
};

/// The options that a profile stands for.
ChunkOptions chunk_options(const PromptProfile& profile);

/// Weighted text as chunks of `tokenizer.max_length()` ids, max_length - 2 of them text (A1111's
/// layout). A BREAK fills up the chunk it ends. Padding is the tokenizer's pad id: the end id in SD
/// 1, 0 in SD 2. Throws Error on invalid UTF-8 and when an embedding has more vectors than a chunk
/// has room.
TokenLayout lay_out(const ClipTokenizer& tokenizer, std::span<const Fragment> fragments,
                    const ChunkOptions& options);

/// The chunk of no text, with which shorter prompts are filled up to the number of chunks of longer
/// ones.
TokenChunk empty_chunk(const ClipTokenizer& tokenizer);

}  // namespace sumi
