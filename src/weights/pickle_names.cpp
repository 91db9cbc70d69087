#include "weights/pickle_names.h"

#include <array>

namespace sumi {
namespace {

using enum PickleMeaning;

constexpr auto kNames = std::to_array<PickleName>({
    {"collections", "OrderedDict", dict},
    {"torch._utils", "_rebuild_tensor_v2", tensor},
    {"torch._utils", "_rebuild_tensor", tensor},
    {"torch._utils", "_rebuild_parameter", parameter},
    {"torch", "DoubleStorage", storage_type, DType::f64},
    {"torch", "FloatStorage", storage_type, DType::f32},
    {"torch", "HalfStorage", storage_type, DType::f16},
    {"torch", "BFloat16Storage", storage_type, DType::bf16},
    {"torch", "LongStorage", storage_type, DType::i64},
    {"torch", "IntStorage", storage_type, DType::i32},
    {"torch", "ShortStorage", storage_type, DType::i16},
    {"torch", "CharStorage", storage_type, DType::i8},
    {"torch", "ByteStorage", storage_type, DType::u8},
    {"torch", "BoolStorage", storage_type, DType::boolean},
    {"torch.cuda", "FloatStorage", storage_type, DType::f32},
    {"torch.cuda", "HalfStorage", storage_type, DType::f16},
    {"torch", "Size", sequence},
    {"torch.nn.modules.container", "ParameterDict", parameter_dict},
    // Numbers and settings that training scripts leave beside the weights. What they would build is
    // not needed, so nothing is built.
    {"torch", "device", inert},
    {"torch", "float32", name_only},
    {"torch", "float16", name_only},
    {"torch", "bfloat16", name_only},
    {"numpy.core.multiarray", "scalar", inert},
    {"numpy._core.multiarray", "scalar", inert},
    {"numpy", "dtype", inert},
    {"_codecs", "encode", inert},
    {"pytorch_lightning.utilities.parsing", "AttributeDict", dict},
    {"pytorch_lightning.callbacks", "*", name_only},
});

bool beneath(std::string_view module, std::string_view parent) {
  return module.starts_with(parent) &&
         (module.size() == parent.size() || module[parent.size()] == '.');
}

}  // namespace

int find_pickle_name(std::string_view module, std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const bool every = kNames[i].name == "*";
    // A dotted name would reach through the object it names, so no pattern covers it.
    if (every ? beneath(module, kNames[i].module) && name.find('.') == std::string_view::npos
              : module == kNames[i].module && name == kNames[i].name)
      return static_cast<int>(i);
  }
  return -1;
}

const PickleName& pickle_name(int row) { return kNames[static_cast<std::size_t>(row)]; }

}  // namespace sumi
