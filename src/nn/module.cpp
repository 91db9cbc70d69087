#include "nn/module.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>
#include <set>

#include "core/error.h"
#include "core/mapped_pages.h"
#include "core/stored_bytes.h"

namespace sumi {
namespace {

std::string join_path(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

/// Whether any of the floats is NaN or infinite: the exponent's bits are all ones exactly then.
bool has_non_finite(const std::uint32_t* bits, std::int64_t count) {
  std::uint32_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, bits[i] & 0x7fffffffu);
  return largest >= 0x7f800000u;
}

/// The same for 16-bit floats whose exponent is `exponent`.
bool has_non_finite(const std::uint16_t* bits, std::int64_t count, std::uint16_t exponent) {
  bool found = false;
  for (std::int64_t i = 0; i < count; ++i) found |= (bits[i] & exponent) == exponent;
  return found;
}

std::vector<std::int64_t> without_trailing_ones(at::IntArrayRef shape) {
  auto trimmed = shape.vec();
  while (!trimmed.empty() && trimmed.back() == 1) trimmed.pop_back();
  return trimmed;
}

/// FNV-1a, so that the seed of a parameter is the same on every machine.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

/// "a, b, c and 5 more"
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 8;
  const std::vector<std::string> head(names.begin(), names.begin() + std::min(names.size(), shown));
  const auto text = fmt::format("{}", fmt::join(head, ", "));
  return names.size() > shown ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

}  // namespace

struct Module::Node {
  std::vector<std::pair<std::string, std::shared_ptr<Parameter>>> parameters;
  std::vector<std::pair<std::string, std::shared_ptr<Node>>> children;
  std::vector<std::string> tolerated;

  template <class Visit>
  void visit(const std::string& path, const Visit& visitor) const {
    visitor(path, *this);
    for (const auto& [name, child] : children) child->visit(join_path(path, name), visitor);
  }
};

std::shared_ptr<Module::Node> Module::make_node() { return std::make_shared<Node>(); }

std::shared_ptr<Parameter> Module::parameter(const std::string& name,
                                             std::vector<std::int64_t> shape, Init init) {
  auto slot = std::make_shared<Parameter>(Parameter{{}, std::move(shape), init});
  node_->parameters.emplace_back(name, slot);
  return slot;
}

void Module::adopt(const std::string& name, const Module& child) {
  node_->children.emplace_back(name, child.node_);
}

void Module::tolerate(const std::string& name) { node_->tolerated.push_back(name); }

std::vector<std::pair<std::string, Parameter*>> Module::slots() const {
  std::vector<std::pair<std::string, Parameter*>> all;
  node_->visit("", [&](const std::string& path, const Node& node) {
    for (const auto& [name, slot] : node.parameters)
      all.emplace_back(join_path(path, name), slot.get());
  });
  return all;
}

std::vector<std::pair<std::string, Tensor*>> Module::parameters() const {
  std::vector<std::pair<std::string, Tensor*>> all;
  for (const auto& [path, slot] : slots()) all.emplace_back(path, &slot->value);
  return all;
}

std::vector<std::string> Module::tolerated() const {
  std::vector<std::string> all;
  node_->visit("", [&](const std::string& path, const Node& node) {
    for (const auto& name : node.tolerated) all.push_back(join_path(path, name));
  });
  return all;
}

bool all_finite(const Tensor& tensor) {
  const auto type = tensor.scalar_type();
  const bool half = type == torch::kHalf || type == torch::kBFloat16;
  if ((type != torch::kFloat && !half) || !tensor.device().is_cpu() ||
      !tensor.is_non_overlapping_and_dense())
    return at::isfinite(tensor).all().item<bool>();
  const void* data = tensor.data_ptr();
  const std::uint16_t exponent = type == torch::kHalf ? 0x7c00 : 0x7f80;
  std::atomic<bool> found = false;
  at::parallel_for(0, tensor.numel(), 1 << 20, [&](std::int64_t begin, std::int64_t end) {
    const bool bad =
        half
            ? has_non_finite(static_cast<const std::uint16_t*>(data) + begin, end - begin, exponent)
            : has_non_finite(static_cast<const std::uint32_t*>(data) + begin, end - begin);
    if (bad) found = true;
  });
  return !found;
}

namespace {

/// What does not fit between a module and the tensors it is given.
struct Misfits {
  std::vector<std::string> missing, unexpected, misshaped;

  void throw_if_any(const std::string& where) const {
    if (missing.empty() && unexpected.empty() && misshaped.empty()) return;
    std::string text = fmt::format("{}: the weights do not fit the model", where);
    if (!missing.empty()) text += fmt::format("; missing: {}", listed(missing));
    if (!unexpected.empty()) text += fmt::format("; unexpected: {}", listed(unexpected));
    if (!misshaped.empty()) text += fmt::format("; of another shape: {}", listed(misshaped));
    throw Error(text, "the file belongs to another model or is incomplete");
  }
};

void compare_shape(const std::string& path, const Tensor& found, at::IntArrayRef wanted,
                   Misfits& misfits) {
  if (without_trailing_ones(found.sizes()) == without_trailing_ones(wanted)) return;
  misfits.misshaped.push_back(
      fmt::format("{} is {} instead of {}", path, shape_text(found.sizes()), shape_text(wanted)));
}

void compare(const Module& module, const StateDict& state, const std::string& where) {
  Misfits misfits;
  std::set<std::string> known;
  for (const auto& name : module.tolerated()) known.insert(name);
  const auto find = [&](const std::string& name) -> const Tensor* {
    known.insert(name);
    const auto found = state.find(name);
    if (found == state.end()) misfits.missing.push_back(name);
    return found == state.end() ? nullptr : &found->second;
  };
  for (const auto& [path, slot] : module.slots()) {
    const Tensor* value = find(path);
    if (!value) continue;
    compare_shape(path, *value, slot->shape, misfits);
    if (value->scalar_type() == torch::kChar) find(scale_name(path));
  }
  for (const auto& [path, tensor] : state)
    if (!known.contains(path)) misfits.unexpected.push_back(path);
  misfits.throw_if_any(where);
}

[[noreturn]] void refuse_numbers(const std::string& where, const std::string& name,
                                 const char* what) {
  throw Error(fmt::format("{}: {} holds {}", where, name, what),
              "the file is damaged, or its numbers do not fit its number format; get it again");
}

/// A floating tensor for a slot, checked for NaN.
Tensor bound(Tensor tensor, const Parameter& slot, bool kept) {
  tensor = tensor.contiguous().view(slot.shape);
  const bool finite = all_finite(tensor);
  if (kept) release_mapped_pages(tensor.data_ptr(), tensor.nbytes());
  return finite ? tensor : Tensor();
}

}  // namespace

void bind_weights(Module& module, const StateDict& state, const std::string& where,
                  torch::ScalarType dtype, torch::Device device, Storage storage) {
  compare(module, state, where);
  for (const auto& [path, slot] : module.slots()) {
    auto tensor = state.at(path).detach();
    const bool may_stay = storage == Storage::as_stored && slot->laid_out && device.is_cpu();
    slot->scale = Tensor();
    if (tensor.scalar_type() == torch::kChar) {
      const Tensor scale = checked_scale(state.at(scale_name(path)), tensor, path, where);
      slot->as_stored = may_stay && slot->let_go;
      if (slot->as_stored) slot->scale = scale;
      slot->value = slot->as_stored
                        ? tensor.contiguous().view(slot->shape)
                        : multiplied_out(tensor.view(slot->shape), scale).to(device, dtype);
      continue;
    }
    slot->as_stored = may_stay && tensor.is_floating_point() && tensor.element_size() <= 4;
    slot->value =
        bound(slot->as_stored ? tensor : tensor.to(device, dtype), *slot, slot->as_stored);
    if (!slot->value.defined()) refuse_numbers(where, path, "NaN or infinite weights");
  }
}

StateDict state_of(const Module& module) {
  StateDict state;
  for (const auto& [path, slot] : module.slots()) {
    state.emplace(path, slot->value);
    if (slot->scale.defined()) state.emplace(scale_name(path), slot->scale);
  }
  return state;
}

void initialise(Module& module, std::uint64_t seed) {
  const torch::NoGradGuard no_gradients;
  for (const auto& [path, slot] : module.slots()) {
    auto generator = at::detail::createCPUGenerator(seed ^ hash_of(path));
    auto value = torch::empty(slot->shape, torch::kFloat);
    switch (slot->init.kind) {
      case Init::Kind::uniform:
        value.uniform_(-slot->init.value, slot->init.value, generator);
        break;
      case Init::Kind::normal:
        value.normal_(0, slot->init.value, generator);
        break;
      case Init::Kind::constant:
        value.fill_(slot->init.value);
        break;
    }
    slot->value = std::move(value);
  }
}

void place(const Module& module, torch::Device device) {
  const torch::NoGradGuard no_gradients;
  for (const auto& [path, slot] : module.slots())
    if (slot->value.defined()) slot->value = slot->value.to(device);
}

torch::Device device_of(const Module& module) {
  const auto slots = module.slots();
  return slots.empty() || !slots.front().second->value.defined()
             ? torch::Device(torch::kCPU)
             : slots.front().second->value.device();
}

void set_precision(Module& module, Precision precision) {
  for (const auto& [path, slot] : module.slots())
    if (slot->laid_out) slot->precision = precision;
}

void release_layouts(const Module& module) {
  for (const auto& [path, slot] : module.slots())
    if (slot->let_go) slot->let_go();
}

std::uint64_t layout_bytes(const Module& module) {
  std::uint64_t bytes = 0;
  for (const auto& [path, slot] : module.slots())
    if (slot->layout_bytes) bytes += slot->layout_bytes();
  return bytes;
}

void set_requires_grad(Module& module, bool trainable) {
  for (const auto& [path, tensor] : module.parameters()) {
    if (!tensor->defined() || tensor->requires_grad() == trainable) continue;
    *tensor = trainable ? tensor->detach().clone().set_requires_grad(true) : tensor->detach();
  }
}

std::string numbered(std::string_view name, std::size_t index) {
  return fmt::format("{}.{}", name, index);
}

std::int64_t parameter_count(const Module& module) {
  std::int64_t count = 0;
  for (const auto& [path, slot] : module.slots()) {
    std::int64_t elements = 1;
    for (const auto length : slot->shape) elements *= length;
    count += elements;
  }
  return count;
}

}  // namespace sumi
