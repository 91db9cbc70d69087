#include "models/attended_context.h"

#include <array>
#include <map>

namespace sumi {
namespace {

std::int64_t version_of(const Tensor& x) { return x.is_inference() ? 0 : x._version(); }

/// Of what the keys and values were made: the same numbers, and multiplied in the same precision.
/// Holding the tensors keeps their addresses from being used again.
struct Origin {
  Tensor numbers;
  std::int64_t version = 0;
  Precision precision = Precision::fp32;

  bool operator==(const Origin& other) const {
    return numbers.is_same(other.numbers) && version == other.version &&
           precision == other.precision;
  }
};

Origin origin(const Tensor& x) { return {x, version_of(x)}; }
Origin origin(const Parameter& weight) {
  return {weight.value, version_of(weight.value), weight.precision};
}

using Origins = std::array<Origin, 3>;

}  // namespace

struct AttendedContext::Made {
  struct Entry {
    Origins origins;
    KeysAndValues made;
  };
  std::map<const Parameter*, Entry> by_layer;
};

AttendedContext AttendedContext::kept(Tensor tokens) {
  AttendedContext context(std::move(tokens));
  context.made_ = std::make_shared<Made>();
  return context;
}

KeysAndValues AttendedContext::through(const Linear& to_k, const Linear& to_v) const {
  const auto make = [&] { return KeysAndValues{to_k.forward(tokens_), to_v.forward(tokens_)}; };
  if (!made_ || torch::GradMode::is_enabled()) return make();
  const Parameter& key_weight = *to_k.slots().front().second;
  const Parameter& value_weight = *to_v.slots().front().second;
  auto& entry = made_->by_layer[&key_weight];
  const auto now = [&] {
    return Origins{origin(tokens_), origin(key_weight), origin(value_weight)};
  };
  if (entry.made.keys.defined() && entry.origins == now()) return entry.made;
  entry.made = make();
  entry.origins = now();  // a layer may convert its weight at the first use
  return entry.made;
}

}  // namespace sumi
