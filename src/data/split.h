#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sumi {

/// Which side of the fixed split a concept stands on.
enum class ConceptSide { training, validation, held_out };

/// xxh64(head noun, seed 0) mod 100: 0-93 training, 94-96 validation, 97-99 held out. The head noun
/// is head_noun(name), so "red apple" and "green apples" stand on the same side.
int concept_bucket(std::string_view name);
ConceptSide concept_side(std::string_view name);

/// True for about 3 % of (style, name) pairs: kept out of training although style and name both
/// occur there, so that they test composition rather than recall. xxh64("style|name", seed 1) mod
/// 100 is 97 or more.
bool is_held_out_pair(std::string_view style, std::string_view name);

/// Where a picture stands, from what training sees to what it sees least of.
enum class Side { training, validation, held_out_pair, held_out };

Side side_of(std::string_view style, std::string_view name);

/// "train", "validation", "held_out_pairs" or "held_out", as Row::split says it.
const char* to_string(Side side);

/// What to_string() says; Error with the list for anything else.
Side side_named(std::string_view name);

/// What a dataset is drawn for. Each has its own seeds, so no two of them ever show the same
/// composition.
enum class Split {
  train,                ///< training concepts, without the held-out pairs
  validation,           ///< the same things in compositions of their own
  validation_concepts,  ///< concepts of the validation side
  held_out,             ///< concepts that no training sees
  held_out_pairs,       ///< training concepts in the styles kept back from them
  scorer,               ///< every thing in compositions that no generator sees
};

/// "train", "validation", "validation_concepts", "held_out", "held_out_pairs" or "scorer"; Error
/// with the list for anything else.
Split split_named(std::string_view name);

/// Whether a thing belongs to a split.
bool belongs_to(Split split, std::string_view style, std::string_view name);

}  // namespace sumi
