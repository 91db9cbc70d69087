#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weights/weight_file.h"

namespace sumi {

/// What a name stands for when a pickle calls it.
enum class PickleMeaning : std::uint8_t {
  dict,            ///< an empty dict, or one made from a list of pairs
  sequence,        ///< its one argument as a tuple
  parameter_dict,  ///< torch.nn.ParameterDict: a dict that its state fills
  storage_type,    ///< never called: the element type of a storage
  tensor,          ///< (storage, offset, shape, strides, …)
  parameter,       ///< its first argument
  inert,           ///< a value of no use here; the arguments are dropped
  name_only,       ///< may be mentioned, never called
};

struct PickleName {
  std::string_view module, name;  ///< a name "*" stands for every name in that module and below it
  PickleMeaning meaning;
  std::optional<DType> dtype = {};
};

/// The row of the allow-list, -1 when the name is not on it.
int find_pickle_name(std::string_view module, std::string_view name);

const PickleName& pickle_name(int row);

}  // namespace sumi
