#include "text/chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"

namespace sumi {
namespace {

/// An embedding and the ids its name is written with.
struct KnownName {
  const EmbeddingName* embedding;
  std::vector<int> ids;
};

/// Names by their first id, longest first, so that "style-two" is not read as "style".
using KnownNames = std::map<int, std::vector<KnownName>>;

KnownNames index_names(const ClipTokenizer& tokenizer, const ChunkOptions& options) {
  KnownNames names;
  for (const auto& embedding : options.embeddings) {
    if (embedding.vectors < 1 || embedding.vectors > tokenizer.max_length() - 2)
      throw Error(fmt::format("embedding \"{}\" has {} vectors, a chunk has room for {}",
                              embedding.name, embedding.vectors, tokenizer.max_length() - 2),
                  "leave it out of the prompt");
    auto ids = tokenizer.encode(embedding.name, options.cleaning);
    if (!ids.empty()) names[ids.front()].push_back({&embedding, ids});
  }
  for (auto& [first, list] : names)
    std::stable_sort(list.begin(), list.end(), [](const KnownName& a, const KnownName& b) {
      return a.ids.size() > b.ids.size();
    });
  return names;
}

const KnownName* name_at(const KnownNames& names, std::span<const int> ids) {
  const auto found = names.find(ids.front());
  if (found == names.end()) return nullptr;
  for (const auto& name : found->second)
    if (name.ids.size() <= ids.size() && std::equal(name.ids.begin(), name.ids.end(), ids.begin()))
      return &name;
  return nullptr;
}

class Layout {
 public:
  Layout(const ClipTokenizer& tokenizer, const ChunkOptions& options)
      : tokenizer_(tokenizer),
        options_(options),
        room_(static_cast<std::size_t>(tokenizer.max_length()) - 2),
        names_(index_names(tokenizer, options)) {}

  void add(const Fragment& fragment);
  TokenLayout finish();

 private:
  static constexpr std::size_t kNoComma = static_cast<std::size_t>(-1);

  void next_chunk();
  void move_behind_comma();
  void place(const KnownName& name, float weight);
  void cut(const std::vector<int>& ids);

  const ClipTokenizer& tokenizer_;
  const ChunkOptions& options_;
  std::size_t room_;
  KnownNames names_;
  TokenLayout out_;
  TokenChunk chunk_;  // text only, start and end come last
  std::size_t last_comma_ = kNoComma;
  std::vector<int> cut_ids_;
};

/// Frames the chunk and begins another.
void Layout::next_chunk() {
  TokenChunk framed;
  framed.ids = tokenizer_.pad(chunk_.ids);
  // A literal end token in the text is the end to SD 2's padding as well.
  if (tokenizer_.pad_id() != tokenizer_.end_id()) {
    const auto end = std::find(framed.ids.begin(), framed.ids.end(), tokenizer_.end_id());
    std::fill(end + 1, framed.ids.end(), tokenizer_.pad_id());
  }
  framed.weights.assign(framed.ids.size(), 1.0f);
  std::copy(chunk_.weights.begin(), chunk_.weights.end(), framed.weights.begin() + 1);
  framed.embeddings = std::move(chunk_.embeddings);
  for (auto& place : framed.embeddings) ++place.offset;
  out_.chunks.push_back(std::move(framed));
  chunk_ = {};
  last_comma_ = kNoComma;
}

void Layout::move_behind_comma() {
  const std::size_t keep = last_comma_ + 1;
  TokenChunk rest;
  rest.ids.assign(chunk_.ids.begin() + static_cast<std::ptrdiff_t>(keep), chunk_.ids.end());
  rest.weights.assign(chunk_.weights.begin() + static_cast<std::ptrdiff_t>(keep),
                      chunk_.weights.end());
  std::vector<EmbeddingPlace> kept;
  for (auto& place : chunk_.embeddings) {
    if (place.offset < static_cast<int>(keep)) {
      kept.push_back(place);
    } else {
      rest.embeddings.push_back({place.name, place.offset - static_cast<int>(keep), place.vectors});
    }
  }
  chunk_.ids.resize(keep);
  chunk_.weights.resize(keep);
  chunk_.embeddings = std::move(kept);
  out_.token_count += static_cast<int>(room_);
  next_chunk();
  chunk_ = std::move(rest);
}

void Layout::place(const KnownName& name, float weight) {
  const auto count = static_cast<std::size_t>(name.embedding->vectors);
  if (chunk_.ids.size() + count > room_) {
    out_.token_count += static_cast<int>(room_);
    next_chunk();
  }
  chunk_.embeddings.push_back(
      {name.embedding->name, static_cast<int>(chunk_.ids.size()), name.embedding->vectors});
  chunk_.ids.insert(chunk_.ids.end(), count, 0);
  chunk_.weights.insert(chunk_.weights.end(), count, weight);
}

void Layout::add(const Fragment& fragment) {
  if (fragment.is_break) {
    if (options_.long_text == LongText::cut) return;
    out_.token_count += static_cast<int>(room_);
    return next_chunk();
  }
  const auto weight = options_.weighted ? static_cast<float>(fragment.weight) : 1.0f;
  const auto ids = tokenizer_.encode(fragment.text, options_.cleaning);
  for (std::size_t i = 0; i < ids.size();) {
    const std::size_t used = chunk_.ids.size();
    const auto reach = static_cast<std::size_t>(std::max(options_.comma_backtrack, 0));
    const KnownName* name = names_.empty() ? nullptr : name_at(names_, std::span(ids).subspan(i));
    const std::size_t needed = name ? static_cast<std::size_t>(name->embedding->vectors) : 1;
    if (options_.long_text == LongText::cut && used + needed > room_) {
      cut_ids_.insert(cut_ids_.end(), ids.begin() + static_cast<std::ptrdiff_t>(i), ids.end());
      return;
    }
    if (ids[i] == tokenizer_.comma_id()) {
      last_comma_ = used;
    } else if (used == room_ && last_comma_ != kNoComma && used - last_comma_ <= reach) {
      move_behind_comma();
    }
    if (chunk_.ids.size() == room_) {
      out_.token_count += static_cast<int>(room_);
      next_chunk();
    }
    if (name) {
      place(*name, weight);
      i += name->ids.size();
    } else {
      chunk_.ids.push_back(ids[i++]);
      chunk_.weights.push_back(weight);
    }
  }
}

TokenLayout Layout::finish() {
  if (!chunk_.ids.empty() || out_.chunks.empty()) {
    out_.token_count += static_cast<int>(chunk_.ids.size());
    next_chunk();
  }
  out_.cut_tokens = static_cast<int>(cut_ids_.size());
  out_.cut = tokenizer_.decode(cut_ids_);
  if (!out_.cut.empty() && out_.cut.back() == ' ') out_.cut.pop_back();
  return std::move(out_);
}

}  // namespace

ChunkOptions chunk_options(const PromptProfile& profile) {
  ChunkOptions options;
  options.long_text = profile.long_text;
  options.comma_backtrack = profile.comma_backtrack;
  options.weighted = profile.emphasis != Emphasis::none;
  options.cleaning =
      profile.syntax == PromptSyntax::literal ? Cleaning::transformers : Cleaning::openai;
  return options;
}

TokenLayout lay_out(const ClipTokenizer& tokenizer, std::span<const Fragment> fragments,
                    const ChunkOptions& options) {
  Layout layout(tokenizer, options);
  for (const auto& fragment : fragments) layout.add(fragment);
  return layout.finish();
}

TokenChunk empty_chunk(const ClipTokenizer& tokenizer) {
  return lay_out(tokenizer, {}, {}).chunks.front();
}

}  // namespace sumi
