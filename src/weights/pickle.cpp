#include "weights/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "weights/names.h"
#include "weights/pickle_names.h"

namespace sumi {
namespace {

// A full training checkpoint of SD 1.5 with its optimiser has some 60,000 values. With these limits
// a hostile pickle of a few megabytes cannot grow past 64 MiB.
constexpr std::size_t kMaxValues = 250'000;
constexpr std::size_t kMaxItems = 1'500'000;
constexpr std::size_t kMaxMemo = 250'000;
constexpr std::size_t kMaxPickledTensors = 50'000;
constexpr std::size_t kMaxMarks = 10'000;
constexpr std::size_t kMaxName = 256;

/// Opcodes by the names of Python's pickletools; only those of the allow-list.
enum Op : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kEmptyTuple = ')',
  kEmptyList = ']',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

class Interpreter {
 public:
  Interpreter(std::span<const std::byte> bytes, const std::string& origin, std::size_t offset)
      : bytes_(bytes), origin_(origin), offset_(offset) {}

  Pickle run() {
    for (;;) {
      start_ = at_;
      const auto op = number<std::uint8_t>();
      if (op == kStop) break;
      if (!literal(op) && !container(op) && !stack(op) && !call(op))
        fail(fmt::format("the pickle opcode 0x{:02x} is not allowed", op));
    }
    out_.root = pop();
    if (!stack_.empty() || !marks_.empty()) fail("the pickle leaves values behind");
    out_.bytes = at_;
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {} (byte {})", origin_, what, offset_ + start_),
                "the file is damaged or holds more than weights; use its safetensors form");
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_)
      fail(fmt::format("{} bytes are announced, {} are left", count, bytes_.size() - at_));
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }

  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view text(std::uint64_t count) {
    const auto raw = take(count);
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }

  /// A line of GLOBAL: up to a newline, which is left out.
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_,
                                bytes_.size() - at_);
    const auto length = rest.substr(0, kMaxName + 1).find('\n');
    if (length == std::string_view::npos) fail("a name in the pickle has no end");
    at_ += length + 1;
    return rest.substr(0, length);
  }

  // Values and the stack.

  PickleRef add(PickleValue value) {
    if (out_.values.size() == kMaxValues)
      fail(fmt::format("the pickle holds more than {} values", kMaxValues));
    out_.values.push_back(std::move(value));
    return static_cast<PickleRef>(out_.values.size() - 1);
  }

  void spend(std::size_t items) {
    if ((items_ += items) > kMaxItems)
      fail(fmt::format("the pickle moves more than {} items", kMaxItems));
  }

  void push(PickleRef ref) {
    spend(1);
    stack_.push_back(ref);
  }

  void push_new(PickleValue value) { push(add(std::move(value))); }
  void push_new(PickleKind kind, std::int64_t value = 0) {
    push_new(PickleValue{.kind = kind, .number = value, .text = {}, .items = {}});
  }
  void push_text(PickleKind kind, std::string_view value) {
    push_new(PickleValue{.kind = kind, .text = value, .items = {}});
  }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleRef pop() {
    if (stack_.size() <= floor()) fail("the pickle takes a value from an empty stack");
    const PickleRef ref = stack_.back();
    stack_.pop_back();
    return ref;
  }

  PickleValue& top() {
    if (stack_.size() <= floor()) fail("the pickle looks at an empty stack");
    return out_.values[stack_.back()];
  }

  /// The values above the last mark, which are taken away with it.
  std::vector<PickleRef> pop_mark() {
    if (marks_.empty()) fail("the pickle looks for a mark that was never set");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleRef> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }

  std::vector<PickleRef> pop_many(std::size_t count) {
    std::vector<PickleRef> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  const PickleValue& value(PickleRef ref) const { return out_.values[ref]; }

  // Opcodes, in four groups. Each returns false for an opcode that is not its own.

  bool literal(std::uint8_t op) {
    switch (op) {
      case kNone:
        push_new(PickleKind::none);
        return true;
      case kNewTrue:
        push_new(PickleKind::boolean, 1);
        return true;
      case kNewFalse:
        push_new(PickleKind::boolean, 0);
        return true;
      case kBinInt:
        push_new(PickleKind::integer, number<std::int32_t>());
        return true;
      case kBinInt1:
        push_new(PickleKind::integer, number<std::uint8_t>());
        return true;
      case kBinInt2:
        push_new(PickleKind::integer, number<std::uint16_t>());
        return true;
      case kLong1:
        long_integer(text(number<std::uint8_t>()));
        return true;
      case kBinFloat:
        real();
        return true;
      case kBinUnicode:
        push_text(PickleKind::text, text(number<std::uint32_t>()));
        return true;
      case kShortBinUnicode:
        push_text(PickleKind::text, text(number<std::uint8_t>()));
        return true;
      case kBinUnicode8:
        push_text(PickleKind::text, text(number<std::uint64_t>()));
        return true;
      case kBinString:
        push_text(PickleKind::text, text(number<std::uint32_t>()));
        return true;
      case kShortBinString:
        push_text(PickleKind::text, text(number<std::uint8_t>()));
        return true;
      case kBinBytes:
        push_text(PickleKind::bytes, text(number<std::uint32_t>()));
        return true;
      case kShortBinBytes:
        push_text(PickleKind::bytes, text(number<std::uint8_t>()));
        return true;
      case kBinBytes8:
        push_text(PickleKind::bytes, text(number<std::uint64_t>()));
        return true;
      default:
        return false;
    }
  }

  bool container(std::uint8_t op) {
    switch (op) {
      case kEmptyTuple:
        push_new(PickleKind::tuple);
        return true;
      case kEmptyList:
      case kEmptySet:
        push_new(PickleKind::list);
        return true;
      case kEmptyDict:
        push_new(PickleKind::dict);
        return true;
      case kTuple:
        push_items(PickleKind::tuple, pop_mark());
        return true;
      case kTuple1:
        push_items(PickleKind::tuple, pop_many(1));
        return true;
      case kTuple2:
        push_items(PickleKind::tuple, pop_many(2));
        return true;
      case kTuple3:
        push_items(PickleKind::tuple, pop_many(3));
        return true;
      case kList:
        push_items(PickleKind::list, pop_mark());
        return true;
      case kDict:
        push_items(PickleKind::dict, pop_mark());
        return true;
      case kAppend:
        extend(PickleKind::list, pop_many(1));
        return true;
      case kAppends:
      case kAddItems:
        extend(PickleKind::list, pop_mark());
        return true;
      case kSetItem:
        extend(PickleKind::dict, pop_many(2));
        return true;
      case kSetItems:
        extend(PickleKind::dict, pop_mark());
        return true;
      default:
        return false;
    }
  }

  bool stack(std::uint8_t op) {
    switch (op) {
      case kProto:
        if (const auto version = number<std::uint8_t>(); version < 2 || version > 5)
          fail(fmt::format("pickle protocol {} is not known", version));
        return true;
      case kFrame:
        if (number<std::uint64_t>() > bytes_.size() - at_) fail("a frame of the pickle is cut off");
        return true;
      case kMark:
        if (marks_.size() == kMaxMarks)
          fail(fmt::format("the pickle nests deeper than {} marks", kMaxMarks));
        marks_.push_back(stack_.size());
        return true;
      case kPop:
        pop();
        return true;
      case kPopMark:
        pop_mark();
        return true;
      case kDup:
        top(), push(stack_.back());
        return true;
      case kBinGet:
        recall(number<std::uint8_t>());
        return true;
      case kLongBinGet:
        recall(number<std::uint32_t>());
        return true;
      case kBinPut:
        remember(number<std::uint8_t>());
        return true;
      case kLongBinPut:
        remember(number<std::uint32_t>());
        return true;
      case kMemoize:
        remember(memo_.size());
        return true;
      default:
        return false;
    }
  }

  bool call(std::uint8_t op) {
    switch (op) {
      case kGlobal: {
        const std::string_view module = line();
        mention(module, line());
        return true;
      }
      case kStackGlobal: {
        const PickleRef name = pop(), module = pop();
        if (value(name).kind != PickleKind::text || value(module).kind != PickleKind::text)
          fail("a name in the pickle is not a text");
        mention(value(module).text, value(name).text);
        return true;
      }
      case kReduce:
      case kNewObj: {
        const PickleRef arguments = pop(), what = pop();
        reduce(what, arguments);
        return true;
      }
      case kBuild: {
        const PickleRef state = pop();
        build(top(), value(state));
        return true;
      }
      case kBinPersId:
        persistent(pop());
        return true;
      default:
        return false;
    }
  }

  // What the opcodes do.

  void long_integer(std::string_view little_endian) {
    if (little_endian.size() > 8) return push_text(PickleKind::long_integer, little_endian);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < little_endian.size(); ++i)
      bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(little_endian[i])) << (8 * i);
    const bool negative = !little_endian.empty() && (little_endian.back() & 0x80);
    if (negative && little_endian.size() < 8)
      bits |= ~std::uint64_t{0} << (8 * little_endian.size());
    push_new(PickleKind::integer, static_cast<std::int64_t>(bits));
  }

  void real() {
    push_new(PickleValue{.kind = PickleKind::real,
                         .real = std::bit_cast<double>(__builtin_bswap64(number<std::uint64_t>())),
                         .text = {},
                         .items = {}});
  }

  void push_items(PickleKind kind, std::vector<PickleRef> items) {
    if (kind == PickleKind::dict && items.size() % 2 != 0)
      fail("a dict of the pickle has a key without a value");
    spend(items.size());
    push_new(PickleValue{.kind = kind, .text = {}, .items = std::move(items)});
  }

  void extend(PickleKind kind, const std::vector<PickleRef>& items) {
    PickleValue& target = top();
    if (target.kind == PickleKind::inert) return;
    if (target.kind != kind) fail("the pickle fills something that is not a list or dict");
    if (kind == PickleKind::dict && items.size() % 2 != 0)
      fail("a dict of the pickle has a key without a value");
    spend(items.size());
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  void remember(std::uint64_t slot) {
    if (slot >= kMaxMemo) fail(fmt::format("the pickle's memo slot {} is too large", slot));
    top();
    if (slot >= memo_.size()) memo_.resize(slot + 1, kNothing);
    memo_[slot] = stack_.back();
  }

  void recall(std::uint64_t slot) {
    if (slot >= memo_.size() || memo_[slot] == kNothing)
      fail(fmt::format("the pickle's memo slot {} is empty", slot));
    push(memo_[slot]);
  }

  void mention(std::string_view module, std::string_view name) {
    const int row = find_pickle_name(module, name);
    if (row >= 0) return push_new(PickleKind::global, row);
    throw Error(fmt::format("{}: the pickle asks for {}.{}, which is not plain data (byte {})",
                            origin_, bare(module), bare(name), offset_ + start_),
                "refused, because such a file can run programs; use its safetensors form");
  }

  /// in_quotes without the quotes.
  static std::string bare(std::string_view name) {
    const std::string shown = in_quotes(name);
    return shown.substr(1, shown.size() - 2);
  }

  const PickleName& callee(PickleRef ref) const {
    if (value(ref).kind != PickleKind::global)
      fail("the pickle calls something that is not a name");
    return pickle_name(static_cast<int>(value(ref).number));
  }

  void reduce(PickleRef what, PickleRef arguments_ref) {
    const PickleName& name = callee(what);
    if (value(arguments_ref).kind != PickleKind::tuple)
      fail("the arguments of a call are not a tuple");
    const std::vector<PickleRef>& arguments = value(arguments_ref).items;
    switch (name.meaning) {
      case PickleMeaning::dict:
        return make_dict(arguments);
      case PickleMeaning::parameter_dict:
        return push_new(PickleKind::dict);
      case PickleMeaning::sequence:
        if (arguments.size() != 1 || value(arguments[0]).kind != PickleKind::tuple)
          fail("torch.Size of what is not a tuple");
        return push(arguments[0]);
      case PickleMeaning::tensor:
        return make_tensor(arguments);
      case PickleMeaning::parameter:
        if (arguments.empty() || value(arguments[0]).kind != PickleKind::tensor)
          fail("a parameter without a tensor");
        return push(arguments[0]);
      case PickleMeaning::inert:
        return push_new(PickleKind::inert);
      case PickleMeaning::storage_type:
      case PickleMeaning::name_only:
        break;
    }
    fail(
        fmt::format("the pickle calls {}.{}, which may only be mentioned", name.module, name.name));
  }

  /// OrderedDict() or OrderedDict([(key, value), …]), as Python 3 and Python 2 write it.
  void make_dict(const std::vector<PickleRef>& arguments) {
    PickleValue dict{.kind = PickleKind::dict, .text = {}, .items = {}};
    if (arguments.size() > 1) fail("a dict is made from more than one argument");
    if (arguments.size() == 1) {
      const PickleValue& pairs = value(arguments[0]);
      if (pairs.kind != PickleKind::list)
        fail("a dict is made from something that is not a list of pairs");
      spend(2 * pairs.items.size());
      for (const PickleRef ref : pairs.items) {
        const PickleValue& pair = value(ref);
        if ((pair.kind != PickleKind::list && pair.kind != PickleKind::tuple) ||
            pair.items.size() != 2)
          fail("a dict is made from something that is not a list of pairs");
        dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
      }
    }
    push_new(std::move(dict));
  }

  std::int64_t natural(PickleRef ref, const char* what) const {
    if (value(ref).kind != PickleKind::integer || value(ref).number < 0)
      fail(fmt::format("{} is not a number from 0 on", what));
    return value(ref).number;
  }

  std::vector<std::int64_t> extents(PickleRef ref, const char* what) const {
    const PickleValue& tuple = value(ref);
    if (tuple.kind != PickleKind::tuple || tuple.items.size() > kMaxRank)
      fail(fmt::format("a tensor's {} is not a tuple of at most {} numbers", what, kMaxRank));
    std::vector<std::int64_t> numbers;
    for (const PickleRef item : tuple.items) numbers.push_back(natural(item, what));
    return numbers;
  }

  /// torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks[,
  /// metadata]).
  void make_tensor(const std::vector<PickleRef>& arguments) {
    if (arguments.size() < 4 || arguments.size() > 7 ||
        value(arguments[0]).kind != PickleKind::storage)
      fail("a tensor is not made from a storage, an offset, a shape and strides");
    PickleTensor tensor{natural(arguments[1], "offset"), extents(arguments[2], "shape"),
                        extents(arguments[3], "strides")};
    if (tensor.shape.size() != tensor.strides.size())
      fail("a tensor's shape and strides differ in length");
    const std::int64_t elements = value(arguments[0]).number;
    std::int64_t count = 1, last = tensor.offset;
    bool overflow = false;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      std::int64_t step = 0;
      overflow |= __builtin_mul_overflow(count, tensor.shape[i], &count);
      if (tensor.shape[i] == 0) continue;
      overflow |= __builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &step);
      overflow |= __builtin_add_overflow(last, step, &last);
    }
    if (overflow || tensor.offset > elements ||
        (count > 0 && (last >= elements || count > elements)))
      fail(fmt::format("a tensor of shape {} does not fit into its storage of {} elements",
                       dimensions(tensor.shape), elements));
    if (out_.tensors.size() == kMaxPickledTensors)
      fail(fmt::format("more than {} tensors", kMaxPickledTensors));
    out_.tensors.push_back(std::move(tensor));
    push_new(PickleValue{.kind = PickleKind::tensor,
                         .number = static_cast<std::int64_t>(out_.tensors.size() - 1),
                         .text = {},
                         .items = {arguments[0]}});
  }

  /// ("storage", type, key, location, elements[, view]); a module's class comes as ("module",
  /// class, …).
  void persistent(PickleRef ref) {
    const PickleValue& id = value(ref);
    if (id.kind != PickleKind::tuple || id.items.size() < 2 ||
        value(id.items[0]).kind != PickleKind::text)
      fail("the pickle refers to something that is not a storage");
    if (value(id.items[0]).text == "module" && value(id.items[1]).kind == PickleKind::global)
      return push(id.items[1]);
    if (value(id.items[0]).text != "storage" || id.items.size() < 5 || id.items.size() > 6 ||
        value(id.items[2]).kind != PickleKind::text)
      fail("the pickle refers to something that is not a storage");
    if (id.items.size() == 6 && value(id.items[5]).kind != PickleKind::none)
      fail("storages that share memory are not read");
    const PickleName& type = callee(id.items[1]);
    if (!type.dtype)
      fail(fmt::format("{}.{} is not the type of a storage", type.module, type.name));
    push_new(PickleValue{.kind = PickleKind::storage,
                         .dtype = *type.dtype,
                         .number = natural(id.items[4], "a storage's size"),
                         .text = value(id.items[2]).text,
                         .items = {}});
  }

  /// Sets an object's state. Of use here is only what a ParameterDict keeps; attributes of dicts
  /// (a state_dict's version notes) are dropped.
  void build(PickleValue& target, const PickleValue& state) {
    if (target.kind == PickleKind::inert) return;
    if (target.kind != PickleKind::dict) fail("the pickle changes something that has no state");
    spend(state.items.size());
    if (const PickleValue* parameters = out_.find(state, "_parameters");
        parameters && target.items.empty()) {
      if (parameters->kind != PickleKind::dict) fail("the parameters of a module are not a dict");
      spend(parameters->items.size());
      target.items = std::vector<PickleRef>(parameters->items);
    }
  }

  static constexpr PickleRef kNothing = std::numeric_limits<PickleRef>::max();

  std::span<const std::byte> bytes_;
  const std::string& origin_;
  std::size_t offset_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;  // of the current opcode
  std::size_t items_ = 0;
  Pickle out_;
  std::vector<PickleRef> stack_, memo_;
  std::vector<std::size_t> marks_;
};

}  // namespace

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != PickleKind::dict) return nullptr;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& name = values[dict.items[i]];
    if (name.kind == PickleKind::text && name.text == key) return &values[dict.items[i + 1]];
  }
  return nullptr;
}

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& origin,
                   std::size_t offset) {
  return Interpreter(bytes, origin, offset).run();
}

}  // namespace sumi
