#pragma once

#include <string>
#include <vector>

#include "models/clip_text.h"
#include "text/chunks.h"
#include "text/clip_tokenizer.h"
#include "text/prompt.h"

namespace sumi {

/// What the network is told up to and including step `until_step` (steps count from 1).
struct ConditioningStage {
  int until_step = 0;
  Tensor context;      ///< [1, 77 * chunks, width]
  Tensor pooled = {};  ///< [1, width] of the first chunk; only transformers read it
};

/// One side of an AND.
struct ConditioningBranch {
  double weight = 1;
  std::vector<ConditioningStage> stages;  ///< in order

  /// The stage of a step, counted from 1; the last one beyond the end.
  const ConditioningStage& stage_at(int step) const;
  /// Its context.
  const Tensor& at(int step) const { return stage_at(step).context; }
};

/// A whole prompt, ready for sampling.
struct Conditioning {
  std::vector<ConditioningBranch> branches;  ///< one unless the prompt has AND
  std::vector<NetworkTag> networks;          ///< <lora:…> tags, taken out of the text
  int token_count = 0;                       ///< of the longest stage
  std::string cut;                           ///< text that did not fit and was left out

  /// Tokens of the longest context.
  std::int64_t tokens() const;
};

struct ConditioningOptions {
  std::string profile = "a1111";  ///< see kPromptProfiles
  int steps = 20;
  int first_pass_steps = 0;  ///< of a hires fix's second pass, see PromptOptions
  /// Which layer of the tower is used, as A1111 counts: 1 is the last the model was trained on, 2
  /// the one before; 0 the same as 1. diffusers' clip_skip is this minus one.
  int clip_skip = 0;
  bool negative = false;
};

/// What a text tower makes of tokens: a context for attention and one vector for the whole.
struct EncodedText {
  Tensor context;  ///< [1, 77 * chunks, width]
  Tensor pooled;   ///< [1, pooled width]
};

/// The vector that stands for a whole text: the end token's row, projected where the tower has a
/// projection. [batch, width].
const Tensor& pooled_of(const ClipTextOutput& output);
/// Its width.
int pooled_width(const ClipTextConfig& config);

/// Tokenizer and text tower of one checkpoint: prompts in, contexts out. Cheap to copy. A model
/// with several towers (SD 3) joins what each makes of the prompt: this is the place for it.
class TextConditioner {
 public:
  /// `skipped_layers`: see ModelSpec. Throws Error when the tokenizer does not fit the tower.
  TextConditioner(ClipTokenizer tokenizer, ClipTextModel model, int skipped_layers = 0);

  /// Throws Error for prompts that cannot be read and for a clip_skip beyond the tower.
  Conditioning encode(std::string_view prompt, const ConditioningOptions& options) const;

  /// One context for ids [chunks, 77]: the chosen layer through the final norm, chunk after chunk.
  /// weights: [chunks, 77] on the same device. -> [1, 77 * chunks, width].
  Tensor encode_ids(const Tensor& ids, const Tensor& weights, Emphasis emphasis,
                    int clip_skip = 0) const;

  /// Lengthens every context to `tokens` with the encoding of empty chunks, so that prompts of
  /// different lengths can share a forward pass.
  void pad_to(Conditioning& conditioning, std::int64_t tokens, int clip_skip = 0) const;

  const ClipTokenizer& tokenizer() const { return tokenizer_; }
  const ClipTextModel& model() const { return model_; }

 private:
  EncodedText encode_both(const Tensor& ids, const Tensor& weights, Emphasis emphasis,
                          int clip_skip) const;
  EncodedText encode_chunks(const std::vector<TokenChunk>& chunks, Emphasis emphasis,
                            int clip_skip) const;

  ClipTokenizer tokenizer_;
  ClipTextModel model_;
  int skipped_layers_;
};

/// z: [chunks, tokens, width] times the weights [chunks, tokens] as `emphasis` says.
Tensor apply_emphasis(const Tensor& z, const Tensor& weights, Emphasis emphasis);

}  // namespace sumi
