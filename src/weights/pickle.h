#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/weight_file.h"

namespace sumi {

/// What a pickle may build: plain data, descriptions of tensors, and inert names.
enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  long_integer,  ///< does not fit into 64 bits; `text` holds its little-endian bytes
  real,
  text,
  bytes,
  tuple,
  list,
  dict,
  storage,
  tensor,
  global,  ///< a name of the allow-list
  inert,   ///< what such a name would have made of its arguments, if that is of no use here
};

/// Index into Pickle::values.
using PickleRef = std::uint32_t;

/// One value. Texts point into the pickle's bytes.
struct PickleValue {
  PickleKind kind = PickleKind::none;
  DType dtype = DType::f32;  ///< storage: of its elements
  std::int64_t number =
      0;  ///< boolean, integer; storage: elements; tensor: index into Pickle::tensors; global: row
  double real = 0;
  std::string_view text;  ///< text, bytes; storage: its key
  std::vector<PickleRef>
      items;  ///< tuple, list; dict: keys and values in turn; tensor: its storage
};

/// How a tensor lies in its storage, counted in elements. Checked: rank, signs and that it stays
/// inside.
struct PickleTensor {
  std::int64_t offset = 0;
  std::vector<std::int64_t> shape, strides;
};

/// A pickle read to its end.
struct Pickle {
  std::deque<PickleValue> values;
  std::deque<PickleTensor> tensors;
  PickleRef root = 0;
  std::size_t bytes = 0;  ///< its length; more may follow

  const PickleValue& operator[](PickleRef ref) const { return values[ref]; }
  const PickleValue& top() const { return values[root]; }
  /// The value that a dict holds under a text; nullptr when `dict` is none or has no such key.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;
};

/// Reads a pickle (protocols 2 to 5 as torch.save and Python 2 wrote them) without executing
/// anything: an allow-list of opcodes builds values, an allow-list of names says what a call stands
/// for (a dict, a tensor's description, nothing). Everything else is refused with an Error that
/// names it, `origin` and the offset (`offset` is where `bytes` begins in the file). Memory stays
/// under 64 MiB.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& origin,
                   std::size_t offset = 0);

}  // namespace sumi
