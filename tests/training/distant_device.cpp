#include "distant_device.h"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/TensorUtils.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

#include "core/torch_version.h"

namespace sumi {
namespace {

std::atomic<std::int64_t> operations = 0;

constexpr auto kDistant = c10::DeviceType::PrivateUse1;
constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);

/// What the host sees of it are pages that it may not touch; the numbers lie elsewhere.
class DistantMemory : public TensorAllocator {
 public:
  c10::DeleterFnPtr raw_deleter() const override { return &let_go; }

  /// Where the numbers of a storage really lie.
  static void* numbers_of(const c10::Storage& storage) {
    const std::lock_guard lock(mutex());
    const auto found = blocks().find(storage.data_ptr().get());
    return found == blocks().end() ? nullptr : found->second.numbers;
  }

 protected:
  c10::DataPtr take(std::size_t bytes) const override {
    const c10::Device device(kDistant, 0);
    if (bytes == 0) return {nullptr, nullptr, &let_go, device};
    void* seen = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void* numbers = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (seen == MAP_FAILED || numbers == nullptr) throw std::bad_alloc();
    const std::lock_guard lock(mutex());
    blocks()[seen] = {numbers, bytes};
    return {seen, seen, &let_go, device};
  }

 private:
  struct Block {
    void* numbers;
    std::size_t bytes;
  };

  static std::map<const void*, Block>& blocks() {
    static auto* all = new std::map<const void*, Block>;  // outlives tensors of static duration
    return *all;
  }
  static std::mutex& mutex() {
    static auto* one = new std::mutex;
    return *one;
  }
  static void let_go(void* seen) {
    if (seen == nullptr) return;
    const std::lock_guard lock(mutex());
    const auto block = blocks().extract(seen).mapped();
    munmap(seen, block.bytes);
    std::free(block.numbers);
  }
};

DistantMemory& memory() {
  static auto* one = new DistantMemory;
  return *one;
}

/// The same numbers as a tensor of the processor's.
at::Tensor near_view(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  TORCH_CHECK(tensor.device().type() == kDistant, "neither near nor distant");
  if (tensor.numel() == 0) return at::empty(tensor.sizes(), tensor.options().device(at::kCPU));
  auto* first = static_cast<std::uint8_t*>(DistantMemory::numbers_of(tensor.storage())) +
                tensor.storage_offset() * static_cast<std::int64_t>(tensor.element_size());
  return at::from_blob(first, tensor.sizes(), tensor.strides(),
                       tensor.options().device(at::kCPU).requires_grad(false));
}

at::Tensor distant_copy(const at::Tensor& near) {
  const at::Tensor made =
      at::empty_strided(near.sizes(), near.strides(), near.options().device(kDistant));
  near_view(made).copy_(near);
  return made;
}

at::Tensor empty(at::IntArrayRef sizes, c10::optional<at::ScalarType> type,
                 c10::optional<at::Layout>, c10::optional<at::Device>, c10::optional<bool>,
                 c10::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(sizes, &memory(), kKeys, type.value_or(at::kFloat), format);
}

at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides,
                         c10::optional<at::ScalarType> type, c10::optional<at::Layout>,
                         c10::optional<at::Device>, c10::optional<bool>) {
  return at::detail::empty_strided_generic(sizes, strides, &memory(), kKeys,
                                           type.value_or(at::kFloat));
}

at::Tensor strided_view(const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides,
                        c10::optional<std::int64_t> offset) {
  auto seen = at::detail::make_tensor<c10::TensorImpl>(
      c10::TensorImpl::VIEW, c10::Storage(self.storage()), self.key_set(), self.dtype());
  seen.unsafeGetTensorImpl()->set_storage_offset(offset.value_or(self.storage_offset()));
  seen.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return seen;
}

at::Tensor view(const at::Tensor& self, at::IntArrayRef sizes) {
  auto wanted = sizes.vec();
  std::int64_t known = 1;
  for (const auto size : wanted) known *= size < 0 ? 1 : size;
  for (auto& size : wanted)
    if (size < 0) size = known == 0 ? 0 : self.numel() / known;
  const auto strides =
      at::detail::computeStride(self.sizes(), self.strides(), at::IntArrayRef(wanted));
  TORCH_CHECK(strides.has_value(), "no view of that shape");
  return strided_view(self, wanted, *strides, self.storage_offset());
}

at::Tensor reshape_alias(const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides) {
  return strided_view(self, sizes, strides, self.storage_offset());
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  near_view(to).copy_(near_view(from));
  return to;
}

at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight,
                       const c10::optional<at::Tensor>& bias, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, std::int64_t groups) {
  const auto near_bias = bias && bias->defined() ? c10::optional<at::Tensor>(near_view(*bias))
                                                 : c10::optional<at::Tensor>();
  return distant_copy(at::convolution(near_view(input), near_view(weight), near_bias, stride,
                                      padding, dilation, transposed, output_padding, groups));
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& slope, const at::Tensor& input, const at::Tensor& weight,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
    at::IntArrayRef output_padding, std::int64_t groups, std::array<bool, 3> wanted) {
  const std::vector<std::int64_t> bias_sizes = {weight.size(0)};
  auto [of_input, of_weight, of_bias] = at::convolution_backward(
      near_view(slope), near_view(input), near_view(weight), at::IntArrayRef(bias_sizes), stride,
      padding, dilation, transposed, output_padding, groups, wanted);
  const auto back = [](const at::Tensor& near) {
    return near.defined() ? distant_copy(near) : near;
  };
  return {back(of_input), back(of_weight), back(of_bias)};
}

/// A GPU's kernels take no tensors of the host's. Numbers without a shape may come from there.
void require_distant(const c10::OperatorHandle& op, const at::Tensor& tensor) {
  TORCH_CHECK(!tensor.defined() || tensor.device().type() == kDistant || tensor.dim() == 0,
              op.schema().name(), ": a tensor on the processor among distant ones");
}

/// An argument as the processor's kernels take it; tensors share their numbers.
c10::IValue near_argument(const c10::OperatorHandle& op, const c10::IValue& argument) {
  const auto near = [&](const at::Tensor& tensor) {
    require_distant(op, tensor);
    return tensor.defined() ? near_view(tensor) : tensor;
  };
  if (argument.isTensor()) return near(argument.toTensor());
  if (argument.isDevice()) return c10::Device(at::kCPU);
  if (argument.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& one : argument.toTensorVector()) list.push_back(near(one));
    return list;
  }
  if (!argument.isOptionalTensorList()) return argument;
  c10::List<c10::optional<at::Tensor>> list;
  for (const c10::optional<at::Tensor>& one : argument.toOptionalTensorVector())
    list.push_back(one ? c10::optional<at::Tensor>(near(*one)) : one);
  return list;
}

/// Gives an empty tensor, which a kernel has filled, its shape and numbers.
void fill_empty(const at::Tensor& tensor, const at::Tensor& near) {
  const auto bytes = static_cast<std::size_t>(near.numel()) * near.element_size();
  auto* storage = tensor.storage().unsafeGetStorageImpl();
  if (storage->nbytes() < bytes) {
    storage->set_data_ptr_noswap(memory().allocate(bytes));
    storage->set_nbytes(bytes);
  }
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(near.sizes());
  near_view(tensor).copy_(near);
}

/// The argument that a result stands for, where the operation writes into one; else nothing.
c10::optional<std::size_t> written_argument(const c10::FunctionSchema& schema,
                                            const c10::Argument& result) {
  if (result.alias_info() == nullptr) return c10::nullopt;
  TORCH_CHECK(result.alias_info()->isWrite(), schema.name(), ": a view that is not made here");
  for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
    const auto* own = schema.arguments()[i].alias_info();
    if (own != nullptr && own->beforeSets() == result.alias_info()->afterSets()) return i;
  }
  TORCH_CHECK(false, schema.name(), ": writes into nothing that is known");
}

/// Any operation, by the processor's kernel on the same numbers.
void compute_near(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  ++operations;
  const auto& schema = op.schema();
  const std::size_t count = schema.arguments().size(), first = stack->size() - count;
  const torch::jit::Stack given(stack->begin() + static_cast<std::ptrdiff_t>(first), stack->end());
  torch::jit::Stack near;
  for (const auto& argument : given) near.push_back(near_argument(op, argument));
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &near);
  stack->resize(first);
  for (std::size_t i = 0; i < near.size(); ++i) {
    if (const auto written = written_argument(schema, schema.returns()[i])) {
      const at::Tensor target = given[*written].toTensor(), made = near[i].toTensor();
      if (target.sizes() != made.sizes()) fill_empty(target, made);
      stack->emplace_back(target);
    } else if (near[i].isTensor() && near[i].toTensor().defined()) {
      stack->emplace_back(distant_copy(near[i].toTensor()));
    } else if (near[i].isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& one : near[i].toTensorVector()) list.push_back(distant_copy(one));
      stack->emplace_back(list);
    } else {
      stack->push_back(near[i]);
    }
  }
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", TORCH_FN(empty));
  library.impl("empty_strided", TORCH_FN(empty_strided));
  library.impl("as_strided", TORCH_FN(strided_view));
  library.impl("view", TORCH_FN(view));
  library.impl("_reshape_alias", TORCH_FN(reshape_alias));
  library.impl("_copy_from", TORCH_FN(copy_from));
  library.impl("convolution_overrideable", TORCH_FN(convolution));
  library.impl("convolution_backward_overrideable", TORCH_FN(convolution_backward));
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&compute_near>());
}

C10_REGISTER_GUARD_IMPL(PrivateUse1, c10::impl::NoOpDeviceGuardImpl<kDistant>);

}  // namespace

std::int64_t distant_operations() { return operations; }

std::string distant_device() {
  static const bool placed = [] {
    c10::SetAllocator(kDistant, &memory());
    return true;
  }();
  return placed ? "privateuseone:0" : "";
}

}  // namespace sumi
