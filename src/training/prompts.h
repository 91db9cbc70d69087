#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "core/tensor.h"
#include "data/dataset.h"
#include "text/clip_tokenizer.h"
#include "training/recipe.h"

namespace sumi {

/// Learns the vocabulary from the first captions of a world, writes it to `folder` (the same bytes
/// each time) and opens it.
ClipTokenizer learned_tokenizer(const TokenizerConfig& config, const Dataset& dataset,
                                const std::filesystem::path& folder);
/// The same from prompts by number.
ClipTokenizer learned_tokenizer(const TokenizerConfig& config,
                                const std::function<std::string(std::uint64_t)>& prompt,
                                const std::filesystem::path& folder);

/// Copies another model's tokenizer to `folder` and opens it.
ClipTokenizer copied_tokenizer(const std::filesystem::path& from,
                               const std::filesystem::path& folder);

/// The config with what the tokenizer decides: vocabulary, length and end.
ClipTextConfig fitted(ClipTextConfig config, const ClipTokenizer& tokenizer);

/// Start, tokens, end, padding of each prompt; what is too long is cut. int64 [N, max_length], on
/// the host.
Tensor ids_of(std::span<const std::string> prompts, const ClipTokenizer& tokenizer);

}  // namespace sumi
