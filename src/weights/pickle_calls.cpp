#include "weights/pickle_calls.h"

#include <fmt/format.h>

#include <utility>

#include "weights/names.h"

namespace sumi {

void PickleCalls::mention(std::string_view module, std::string_view name) {
  const int row = find_pickle_name(module, name);
  if (row < 0) reader_.refuse(module, name);
  stack_.push_new(PickleKind::global, row);
}

void PickleCalls::mention_popped() {
  const PickleValue& name = stack_.value(stack_.pop());
  const PickleValue& module = stack_.value(stack_.pop());
  if (name.kind != PickleKind::text || module.kind != PickleKind::text)
    reader_.fail("a name in the pickle is not a text");
  mention(module.text, name.text);
}

const PickleName& PickleCalls::callee(PickleRef ref) const {
  if (stack_.value(ref).kind != PickleKind::global)
    reader_.fail("the pickle calls something that is not a name");
  return pickle_name(static_cast<int>(stack_.value(ref).number));
}

void PickleCalls::reduce() {
  const PickleRef arguments_ref = stack_.pop(), what = stack_.pop();
  const PickleName& name = callee(what);
  if (stack_.value(arguments_ref).kind != PickleKind::tuple)
    reader_.fail("the arguments of a call are not a tuple");
  const std::vector<PickleRef>& arguments = stack_.value(arguments_ref).items;
  switch (name.meaning) {
    case PickleMeaning::dict:
      return make_dict(arguments);
    case PickleMeaning::parameter_dict:
      return stack_.push_new(PickleKind::dict);
    case PickleMeaning::sequence:
      if (arguments.size() != 1 || stack_.value(arguments[0]).kind != PickleKind::tuple)
        reader_.fail("torch.Size of what is not a tuple");
      return stack_.push(arguments[0]);
    case PickleMeaning::tensor:
      return make_tensor(arguments);
    case PickleMeaning::parameter:
      if (arguments.empty() || stack_.value(arguments[0]).kind != PickleKind::tensor)
        reader_.fail("a parameter without a tensor");
      return stack_.push(arguments[0]);
    case PickleMeaning::inert:
      return stack_.push_new(PickleKind::inert);
    case PickleMeaning::storage_type:
    case PickleMeaning::name_only:
      break;
  }
  reader_.fail(
      fmt::format("the pickle calls {}.{}, which may only be mentioned", name.module, name.name));
}

/// OrderedDict() or OrderedDict([(key, value), …]), as Python 3 and Python 2 write it.
void PickleCalls::make_dict(const std::vector<PickleRef>& arguments) {
  PickleValue dict{.kind = PickleKind::dict, .text = {}, .items = {}};
  if (arguments.size() > 1) reader_.fail("a dict is made from more than one argument");
  if (arguments.size() == 1) {
    const PickleValue& pairs = stack_.value(arguments[0]);
    if (pairs.kind != PickleKind::list)
      reader_.fail("a dict is made from something that is not a list of pairs");
    stack_.spend(2 * pairs.items.size());
    for (const PickleRef ref : pairs.items) {
      const PickleValue& pair = stack_.value(ref);
      if ((pair.kind != PickleKind::list && pair.kind != PickleKind::tuple) ||
          pair.items.size() != 2)
        reader_.fail("a dict is made from something that is not a list of pairs");
      dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
    }
  }
  stack_.push_new(std::move(dict));
}

std::int64_t PickleCalls::natural(PickleRef ref, const char* what) const {
  if (stack_.value(ref).kind != PickleKind::integer || stack_.value(ref).number < 0)
    reader_.fail(fmt::format("{} is not a number from 0 on", what));
  return stack_.value(ref).number;
}

std::vector<std::int64_t> PickleCalls::extents(PickleRef ref, const char* what) const {
  const PickleValue& tuple = stack_.value(ref);
  if (tuple.kind != PickleKind::tuple || tuple.items.size() > kMaxRank)
    reader_.fail(fmt::format("a tensor's {} is not a tuple of at most {} numbers", what, kMaxRank));
  std::vector<std::int64_t> numbers;
  for (const PickleRef item : tuple.items) numbers.push_back(natural(item, what));
  return numbers;
}

/// torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks[,
/// metadata]).
void PickleCalls::make_tensor(const std::vector<PickleRef>& arguments) {
  if (arguments.size() < 4 || arguments.size() > 7 ||
      stack_.value(arguments[0]).kind != PickleKind::storage)
    reader_.fail("a tensor is not made from a storage, an offset, a shape and strides");
  PickleTensor tensor{natural(arguments[1], "offset"), extents(arguments[2], "shape"),
                      extents(arguments[3], "strides")};
  if (tensor.shape.size() != tensor.strides.size())
    reader_.fail("a tensor's shape and strides differ in length");
  const std::int64_t elements = stack_.value(arguments[0]).number;
  std::int64_t count = 1, last = tensor.offset;
  bool overflow = false;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    std::int64_t step = 0;
    overflow |= __builtin_mul_overflow(count, tensor.shape[i], &count);
    if (tensor.shape[i] == 0) continue;
    overflow |= __builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &step);
    overflow |= __builtin_add_overflow(last, step, &last);
  }
  if (overflow || tensor.offset > elements || (count > 0 && (last >= elements || count > elements)))
    reader_.fail(fmt::format("a tensor of shape {} does not fit into its storage of {} elements",
                             dimensions(tensor.shape), elements));
  stack_.push_tensor(std::move(tensor), arguments[0]);
}

/// ("storage", type, key, location, elements[, view]); a module's class comes as ("module",
/// class, …).
void PickleCalls::persistent() {
  const PickleValue& id = stack_.value(stack_.pop());
  if (id.kind != PickleKind::tuple || id.items.size() < 2 ||
      stack_.value(id.items[0]).kind != PickleKind::text)
    reader_.fail("the pickle refers to something that is not a storage");
  if (stack_.value(id.items[0]).text == "module" &&
      stack_.value(id.items[1]).kind == PickleKind::global)
    return stack_.push(id.items[1]);
  if (stack_.value(id.items[0]).text != "storage" || id.items.size() < 5 || id.items.size() > 6 ||
      stack_.value(id.items[2]).kind != PickleKind::text)
    reader_.fail("the pickle refers to something that is not a storage");
  if (id.items.size() == 6 && stack_.value(id.items[5]).kind != PickleKind::none)
    reader_.fail("storages that share memory are not read");
  const PickleName& type = callee(id.items[1]);
  if (!type.dtype)
    reader_.fail(fmt::format("{}.{} is not the type of a storage", type.module, type.name));
  stack_.push_new(PickleValue{.kind = PickleKind::storage,
                              .dtype = *type.dtype,
                              .number = natural(id.items[4], "a storage's size"),
                              .text = stack_.value(id.items[2]).text,
                              .items = {}});
}

/// Sets an object's state. Of use here is only what a ParameterDict keeps; attributes of dicts
/// (a state_dict's version notes) are dropped.
void PickleCalls::build() {
  const PickleValue& state = stack_.value(stack_.pop());
  PickleValue& target = stack_.top();
  if (target.kind == PickleKind::inert) return;
  if (target.kind != PickleKind::dict)
    reader_.fail("the pickle changes something that has no state");
  stack_.spend(state.items.size());
  if (const PickleValue* parameters = stack_.pickle().find(state, "_parameters");
      parameters && target.items.empty()) {
    if (parameters->kind != PickleKind::dict)
      reader_.fail("the parameters of a module are not a dict");
    stack_.spend(parameters->items.size());
    target.items = std::vector<PickleRef>(parameters->items);
  }
}

}  // namespace sumi
