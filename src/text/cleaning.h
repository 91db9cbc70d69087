#pragma once

#include <string>

namespace sumi {

/// How text is cleaned before it is split into words.
///   openai:             ftfy repair, HTML unescaped twice, white space collapsed, lower case
///   (openai/CLIP and
///                       open_clip, hence the training of every model here).
///   transformers:       ftfy repair only; special tokens in the text, the padding token "!" of SD
///   2
///                       included, become their ids (transformers' CLIPTokenizer with ftfy).
///   transformers_plain: the same without ftfy: invisible characters dropped, ideographs set apart.
enum class Cleaning { openai, transformers, transformers_plain };

std::u32string clean_text(std::u32string text, Cleaning cleaning);

}  // namespace sumi
