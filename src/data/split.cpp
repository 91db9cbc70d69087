#include "data/split.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <iterator>

#include "core/error.h"
#include "data/words.h"

namespace sumi {
namespace {

constexpr struct {
  const char* name;
  Split split;
} kSplits[] = {{"train", Split::train},
               {"validation", Split::validation},
               {"validation_concepts", Split::validation_concepts},
               {"held_out", Split::held_out},
               {"held_out_pairs", Split::held_out_pairs},
               {"scorer", Split::scorer}};

constexpr const char* kSides[] = {"train", "validation", "held_out_pairs", "held_out"};

}  // namespace

int concept_bucket(std::string_view name) {
  const auto noun = head_noun(name);
  return static_cast<int>(XXH64(noun.data(), noun.size(), 0) % 100);
}

ConceptSide concept_side(std::string_view name) {
  const int bucket = concept_bucket(name);
  return bucket < 94   ? ConceptSide::training
         : bucket < 97 ? ConceptSide::validation
                       : ConceptSide::held_out;
}

bool is_held_out_pair(std::string_view style, std::string_view name) {
  const auto pair = fmt::format("{}|{}", style, name);
  return XXH64(pair.data(), pair.size(), 1) % 100 >= 97;
}

Side side_of(std::string_view style, std::string_view name) {
  switch (concept_side(name)) {
    case ConceptSide::training:
      break;
    case ConceptSide::validation:
      return Side::validation;
    case ConceptSide::held_out:
      return Side::held_out;
  }
  return is_held_out_pair(style, name) ? Side::held_out_pair : Side::training;
}

const char* to_string(Side side) { return kSides[static_cast<std::size_t>(side)]; }

Side side_named(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < std::size(kSides); ++i) {
    if (name == kSides[i]) return static_cast<Side>(i);
    known += (known.empty() ? "" : ", ") + std::string(kSides[i]);
  }
  throw Error(fmt::format("no side of the split is called \"{}\"", name), "known: " + known);
}

Split split_named(std::string_view name) {
  std::string known;
  for (const auto& entry : kSplits) {
    if (name == entry.name) return entry.split;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw Error(fmt::format("no split is called \"{}\"", name), "known: " + known);
}

bool belongs_to(Split split, std::string_view style, std::string_view name) {
  const auto side = side_of(style, name);
  switch (split) {
    case Split::train:
    case Split::validation:
      return side == Side::training;
    case Split::validation_concepts:
      return side == Side::validation;
    case Split::held_out:
      return side == Side::held_out;
    case Split::held_out_pairs:
      return side == Side::held_out_pair;
    case Split::scorer:
      return true;
  }
  return false;
}

}  // namespace sumi
