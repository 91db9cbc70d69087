#pragma once

#include <memory>

#include "nn/layers.h"

namespace sumi {

struct KeysAndValues {
  Tensor keys, values;  ///< [N, tokens, width]
};

/// What cross-attention looks at, [N, tokens, width]. One that is `kept` holds the keys and values
/// that each layer made of it, since they are the same at every step; copies share them, and their
/// memory goes with the last copy. A layer whose weights or precision were changed makes them anew,
/// and where gradients are asked for none are kept.
class AttendedContext {
 public:
  AttendedContext(Tensor tokens) : tokens_(std::move(tokens)) {}  // NOLINT: every tensor is one
  static AttendedContext kept(Tensor tokens);

  const Tensor& tokens() const { return tokens_; }
  /// What a layer's two projections make of the tokens.
  KeysAndValues through(const Linear& to_k, const Linear& to_v) const;

 private:
  struct Made;
  Tensor tokens_;
  std::shared_ptr<Made> made_;
};

}  // namespace sumi
