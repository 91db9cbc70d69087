#include "weights/pickle.h"

#include <fmt/format.h>

#include <bit>

#include "weights/pickle_calls.h"
#include "weights/pickle_reader.h"
#include "weights/pickle_stack.h"

namespace sumi {
namespace {

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

/// Takes opcode after opcode to the stack operation it stands for.
class Interpreter {
 public:
  Interpreter(std::span<const std::byte> bytes, const std::string& origin, std::size_t offset)
      : reader_(bytes, origin, offset) {}

  Pickle run() {
    for (std::uint8_t op = reader_.opcode(); op != kStop; op = reader_.opcode())
      if (!literal(op) && !container(op) && !stack(op) && !call(op))
        reader_.fail(fmt::format("the pickle opcode 0x{:02x} is not allowed", op));
    return stack_.finish();
  }

 private:
  // Opcodes, in four groups. Each returns false for an opcode that is not its own.

  bool literal(std::uint8_t op) {
    switch (op) {
      case kNone:
        stack_.push_new(PickleKind::none);
        return true;
      case kNewTrue:
        stack_.push_new(PickleKind::boolean, 1);
        return true;
      case kNewFalse:
        stack_.push_new(PickleKind::boolean, 0);
        return true;
      case kBinInt:
        stack_.push_new(PickleKind::integer, reader_.number<std::int32_t>());
        return true;
      case kBinInt1:
        stack_.push_new(PickleKind::integer, reader_.number<std::uint8_t>());
        return true;
      case kBinInt2:
        stack_.push_new(PickleKind::integer, reader_.number<std::uint16_t>());
        return true;
      case kLong1:
        long_integer(reader_.text(reader_.number<std::uint8_t>()));
        return true;
      case kBinFloat:
        real();
        return true;
      case kBinUnicode:
        stack_.push_text(PickleKind::text, reader_.text(reader_.number<std::uint32_t>()));
        return true;
      case kShortBinUnicode:
        stack_.push_text(PickleKind::text, reader_.text(reader_.number<std::uint8_t>()));
        return true;
      case kBinUnicode8:
        stack_.push_text(PickleKind::text, reader_.text(reader_.number<std::uint64_t>()));
        return true;
      case kBinString:
        stack_.push_text(PickleKind::text, reader_.text(reader_.number<std::uint32_t>()));
        return true;
      case kShortBinString:
        stack_.push_text(PickleKind::text, reader_.text(reader_.number<std::uint8_t>()));
        return true;
      case kBinBytes:
        stack_.push_text(PickleKind::bytes, reader_.text(reader_.number<std::uint32_t>()));
        return true;
      case kShortBinBytes:
        stack_.push_text(PickleKind::bytes, reader_.text(reader_.number<std::uint8_t>()));
        return true;
      case kBinBytes8:
        stack_.push_text(PickleKind::bytes, reader_.text(reader_.number<std::uint64_t>()));
        return true;
      default:
        return false;
    }
  }

  bool container(std::uint8_t op) {
    switch (op) {
      case kEmptyTuple:
        stack_.push_new(PickleKind::tuple);
        return true;
      case kEmptyList:
      case kEmptySet:
        stack_.push_new(PickleKind::list);
        return true;
      case kEmptyDict:
        stack_.push_new(PickleKind::dict);
        return true;
      case kTuple:
        stack_.push_items(PickleKind::tuple, stack_.pop_mark());
        return true;
      case kTuple1:
        stack_.push_items(PickleKind::tuple, stack_.pop_many(1));
        return true;
      case kTuple2:
        stack_.push_items(PickleKind::tuple, stack_.pop_many(2));
        return true;
      case kTuple3:
        stack_.push_items(PickleKind::tuple, stack_.pop_many(3));
        return true;
      case kList:
        stack_.push_items(PickleKind::list, stack_.pop_mark());
        return true;
      case kDict:
        stack_.push_items(PickleKind::dict, stack_.pop_mark());
        return true;
      case kAppend:
        stack_.extend(PickleKind::list, stack_.pop_many(1));
        return true;
      case kAppends:
      case kAddItems:
        stack_.extend(PickleKind::list, stack_.pop_mark());
        return true;
      case kSetItem:
        stack_.extend(PickleKind::dict, stack_.pop_many(2));
        return true;
      case kSetItems:
        stack_.extend(PickleKind::dict, stack_.pop_mark());
        return true;
      default:
        return false;
    }
  }

  bool stack(std::uint8_t op) {
    switch (op) {
      case kProto:
        if (const auto version = reader_.number<std::uint8_t>(); version < 2 || version > 5)
          reader_.fail(fmt::format("pickle protocol {} is not known", version));
        return true;
      case kFrame:
        if (reader_.number<std::uint64_t>() > reader_.left())
          reader_.fail("a frame of the pickle is cut off");
        return true;
      case kMark:
        stack_.push_mark();
        return true;
      case kPop:
        stack_.pop();
        return true;
      case kPopMark:
        stack_.pop_mark();
        return true;
      case kDup:
        stack_.duplicate();
        return true;
      case kBinGet:
        stack_.recall(reader_.number<std::uint8_t>());
        return true;
      case kLongBinGet:
        stack_.recall(reader_.number<std::uint32_t>());
        return true;
      case kBinPut:
        stack_.remember(reader_.number<std::uint8_t>());
        return true;
      case kLongBinPut:
        stack_.remember(reader_.number<std::uint32_t>());
        return true;
      case kMemoize:
        stack_.remember_next();
        return true;
      default:
        return false;
    }
  }

  bool call(std::uint8_t op) {
    switch (op) {
      case kGlobal: {
        const std::string_view module = reader_.line();
        calls_.mention(module, reader_.line());
        return true;
      }
      case kStackGlobal:
        calls_.mention_popped();
        return true;
      case kReduce:
      case kNewObj:
        calls_.reduce();
        return true;
      case kBuild:
        calls_.build();
        return true;
      case kBinPersId:
        calls_.persistent();
        return true;
      default:
        return false;
    }
  }

  void long_integer(std::string_view little_endian) {
    if (little_endian.size() > 8) return stack_.push_text(PickleKind::long_integer, little_endian);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < little_endian.size(); ++i)
      bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(little_endian[i])) << (8 * i);
    const bool negative = !little_endian.empty() && (little_endian.back() & 0x80);
    if (negative && little_endian.size() < 8)
      bits |= ~std::uint64_t{0} << (8 * little_endian.size());
    stack_.push_new(PickleKind::integer, static_cast<std::int64_t>(bits));
  }

  void real() {
    stack_.push_new(PickleValue{
        .kind = PickleKind::real,
        .real = std::bit_cast<double>(__builtin_bswap64(reader_.number<std::uint64_t>())),
        .text = {},
        .items = {}});
  }

  PickleReader reader_;
  PickleStack stack_{reader_};
  PickleCalls calls_{reader_, stack_};
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
