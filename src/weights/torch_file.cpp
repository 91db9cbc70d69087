#include "weights/torch_file.h"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <string_view>

#include "core/error.h"
#include "weights/names.h"
#include "weights/pickle.h"
#include "weights/zip_store.h"

namespace sumi {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxVisits = 1'000'000;
constexpr std::size_t kMaxNamesBytes = 8u << 20;
constexpr std::size_t kMaxNotes = 1000;
constexpr std::size_t kMaxNoteBytes = 1024;
constexpr std::string_view kHint =
    "the file is damaged or was not written by torch.save; fetch it again";

// The first pickle of the older form: protocol 2 and the number 0x1950a86a20f9469cfc6c.
constexpr std::string_view kMagicPickle("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                                        15);

/// Where the elements of the storages lie, by key.
using Storages = std::map<std::string_view, std::span<const std::byte>, std::less<>>;

/// Walks the plain data and gathers its tensors under dotted names.
class Gatherer {
 public:
  Gatherer(const Pickle& pickle, const Storages& storages, std::size_t file_bytes,
           const std::string& origin)
      : pickle_(pickle), storages_(storages), copies_left_(file_bytes), origin_(origin) {}

  WeightFile gather() {
    const PickleValue* state = pickle_.find(pickle_.top(), "state_dict");
    visit(state ? *state : pickle_.top(), 0);
    if (state) {
      only_notes_ = true;
      visit(pickle_.top(), 0);
    }
    if (file_.tensors.empty()) fail("no tensors with names are in this file");
    file_.owner = copies_;
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", origin_, what), std::string(kHint));
  }

  void visit(const PickleValue& value, std::size_t depth) {
    if (depth > kMaxDepth)
      fail(fmt::format("{}: nested deeper than {} levels", in_quotes(name_), kMaxDepth));
    if (++visits_ > kMaxVisits) fail(fmt::format("more than {} values to look at", kMaxVisits));
    switch (value.kind) {
      case PickleKind::dict:
        for (std::size_t i = 0; i + 1 < value.items.size(); i += 2)
          child(pickle_[value.items[i]], value.items[i + 1], depth);
        break;
      case PickleKind::list:
      case PickleKind::tuple:
        for (std::size_t i = 0; i < value.items.size(); ++i)
          descend(std::to_string(i), value.items[i], depth);
        break;
      case PickleKind::tensor:
        if (!only_notes_) add_tensor(value);
        break;
      case PickleKind::text:
        note(std::string(value.text.substr(0, kMaxNoteBytes + 1)));
        break;
      case PickleKind::integer:
        note(std::to_string(value.number));
        break;
      case PickleKind::boolean:
        note(value.number ? "true" : "false");
        break;
      case PickleKind::real:
        note(fmt::format("{}", value.real));
        break;
      default:
        break;
    }
  }

  void child(const PickleValue& key, PickleRef value, std::size_t depth) {
    if (only_notes_ && depth == 0 && key.kind == PickleKind::text && key.text == "state_dict")
      return;
    if (key.kind == PickleKind::text) return descend(key.text, value, depth);
    if (key.kind == PickleKind::integer) return descend(std::to_string(key.number), value, depth);
  }

  void descend(std::string_view key, PickleRef value, std::size_t depth) {
    const std::size_t before = name_.size();
    if (key.size() > kMaxNameBytes || before + key.size() >= kMaxNameBytes || !is_utf8(key))
      fail(fmt::format("the name {} is too long or not UTF-8", in_quotes(key)));
    if (before > 0) name_ += '.';
    name_ += key;
    visit(pickle_[value], depth + 1);
    name_.resize(before);
  }

  void note(std::string text) {
    if (name_.empty() || text.size() > kMaxNoteBytes || !is_utf8(text) ||
        file_.metadata.size() >= kMaxNotes)
      return;
    file_.metadata.emplace(name_, std::move(text));
  }

  void add_tensor(const PickleValue& value) {
    if (name_.empty()) fail("the file holds one tensor without a name");
    if ((names_bytes_ += name_.size()) > kMaxNamesBytes || file_.tensors.size() == kMaxTensors)
      fail("more tensors, or longer names, than any known model has");
    const PickleTensor& tensor = pickle_.tensors[static_cast<std::size_t>(value.number)];
    const PickleValue& storage = pickle_[value.items.front()];
    const auto found = storages_.find(storage.text);
    if (found == storages_.end())
      fail(fmt::format("tensor {}: its storage {} is not in the file", in_quotes(name_),
                       in_quotes(storage.text)));
    std::uint64_t wanted = 0;
    if (!checked_bytes(std::span(&storage.number, 1), size_of(storage.dtype), wanted) ||
        wanted != found->second.size())
      fail(fmt::format("tensor {}: its storage {} should hold {} elements of {}, but has {} bytes",
                       in_quotes(name_), in_quotes(storage.text), storage.number,
                       name_of(storage.dtype), found->second.size()));
    if (!file_.tensors.emplace(name_, place(tensor, storage.dtype, found->second)).second)
      fail(fmt::format("the name {} stands twice", in_quotes(name_)));
  }

  static bool row_major(const PickleTensor& tensor) {
    std::int64_t step = 1;
    for (std::size_t i = tensor.shape.size(); i-- > 0;) {
      if (tensor.shape[i] == 0) return true;
      if (tensor.shape[i] != 1 && tensor.strides[i] != step) return false;
      step *= tensor.shape[i];
    }
    return true;
  }

  /// The interpreter has checked that the tensor lies inside its storage and is not larger.
  TensorView place(const PickleTensor& tensor, DType dtype, std::span<const std::byte> storage) {
    TensorView view{dtype, tensor.shape, {}};
    const std::size_t element = size_of(dtype);
    const std::size_t bytes = static_cast<std::size_t>(element_count(view)) * element;
    const std::size_t start = static_cast<std::size_t>(tensor.offset) * element;
    if (row_major(tensor)) {
      view.bytes = storage.subspan(start, bytes);
      return view;
    }
    if (bytes > copies_left_)
      fail(fmt::format("tensor {}: too many tensors share storages with other strides",
                       in_quotes(name_)));
    copies_left_ -= bytes;
    std::vector<std::byte>& copy = copies_->emplace_back(bytes);
    copy_strided(tensor, element, storage.subspan(start), copy);
    view.bytes = copy;
    return view;
  }

  static void copy_strided(const PickleTensor& tensor, std::size_t element,
                           std::span<const std::byte> from, std::vector<std::byte>& to) {
    std::vector<std::int64_t> index(tensor.shape.size(), 0);
    std::int64_t position = 0;  // in elements
    for (std::size_t done = 0; done < to.size(); done += element) {
      std::memcpy(to.data() + done, from.data() + static_cast<std::size_t>(position) * element,
                  element);
      for (std::size_t axis = index.size(); axis-- > 0;) {
        position += tensor.strides[axis];
        if (++index[axis] < tensor.shape[axis]) break;
        position -= index[axis] * tensor.strides[axis];
        index[axis] = 0;
      }
    }
  }

  const Pickle& pickle_;
  const Storages& storages_;
  std::size_t copies_left_;
  const std::string& origin_;
  WeightFile file_;
  std::shared_ptr<std::deque<std::vector<std::byte>>> copies_ =
      std::make_shared<std::deque<std::vector<std::byte>>>();
  std::string name_;
  std::size_t visits_ = 0, names_bytes_ = 0;
  bool only_notes_ = false;
};

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The folder that holds data.pkl, with its slash.
std::string_view archive_root(const ZipMembers& members, const std::string& origin) {
  static constexpr std::string_view kPickle = "data.pkl";
  const std::string_view* root = nullptr;
  for (const auto& [name, data] : members) {
    const auto slash = name.find('/');
    if (slash == std::string_view::npos || name.substr(slash + 1) != kPickle) continue;
    if (root)
      throw Error(fmt::format("{}: the archive holds two data.pkl", origin), std::string(kHint));
    root = &name;
  }
  if (!root)
    throw Error(fmt::format("{}: the archive holds no data.pkl", origin), std::string(kHint));
  return root->substr(0, root->size() - kPickle.size());
}

}  // namespace

WeightFile read_torch_zip(std::span<const std::byte> bytes, const std::string& origin) {
  const ZipMembers members = read_stored_zip(bytes, origin);
  const std::string root(archive_root(members, origin));
  if (const auto order = members.find(root + "byteorder");
      order != members.end() && as_text(order->second) != "little")
    throw Error(fmt::format("{}: written on a machine with another byte order", origin),
                "convert it to safetensors there");
  Storages storages;
  const std::string folder = root + "data/";
  for (const auto& [name, data] : members)
    if (name.starts_with(folder)) storages.emplace(name.substr(folder.size()), data);
  const auto source = members.at(root + "data.pkl");
  const Pickle pickle =
      read_pickle(source, origin, static_cast<std::size_t>(source.data() - bytes.data()));
  if (pickle.bytes != source.size())
    throw Error(fmt::format("{}: data.pkl goes on after its end", origin), std::string(kHint));
  WeightFile file = Gatherer(pickle, storages, bytes.size(), origin).gather();
  file.format = "pickle (zip)";
  return file;
}

bool looks_like_torch_legacy(std::span<const std::byte> bytes) {
  return as_text(bytes).starts_with(kMagicPickle);
}

namespace {

/// Reads pickle after pickle of a legacy file.
class Sequence {
 public:
  Sequence(std::span<const std::byte> bytes, const std::string& origin)
      : bytes_(bytes), origin_(origin) {}

  Pickle pickle() {
    Pickle read = read_pickle(bytes_.subspan(at_), origin_, at_);
    at_ += read.bytes;
    return read;
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) fail("a storage is cut off");
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }

  std::int64_t number() {
    std::int64_t value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  bool at_end() const { return at_ == bytes_.size(); }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {} (byte {})", origin_, what, at_), std::string(kHint));
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& origin_;
  std::size_t at_ = 0;
};

void check_machine(const Sequence& file, const Pickle& machine) {
  const PickleValue* little = machine.find(machine.top(), "little_endian");
  if (!little || little->kind != PickleKind::boolean)
    file.fail("the third pickle does not describe a machine");
  if (!little->number) file.fail("written on a machine with another byte order");
}

/// Element types by storage key, from the object's references.
std::map<std::string_view, DType> storage_types(const Pickle& object) {
  std::map<std::string_view, DType> types;
  for (const PickleValue& value : object.values)
    if (value.kind == PickleKind::storage) types.emplace(value.text, value.dtype);
  return types;
}

}  // namespace

WeightFile read_torch_legacy(std::span<const std::byte> bytes, const std::string& origin) {
  Sequence sequence(bytes, origin);
  sequence.take(kMagicPickle.size());
  const Pickle protocol = sequence.pickle();
  if (protocol.top().kind != PickleKind::integer || protocol.top().number != 1001)
    sequence.fail("an unknown protocol of torch.save");
  check_machine(sequence, sequence.pickle());
  const Pickle object = sequence.pickle();
  const Pickle keys = sequence.pickle();
  if (keys.top().kind != PickleKind::list)
    sequence.fail("the fifth pickle is not a list of storages");

  const auto types = storage_types(object);
  Storages storages;
  for (const PickleRef ref : keys.top().items) {
    const PickleValue& key = keys[ref];
    const auto type = types.find(key.text);
    if (key.kind != PickleKind::text || type == types.end())
      sequence.fail(fmt::format("storage {} belongs to no tensor", in_quotes(key.text)));
    const std::int64_t count = sequence.number();
    std::uint64_t size = 0;
    if (!checked_bytes(std::span(&count, 1), size_of(type->second), size))
      sequence.fail(fmt::format("storage {} is too large", in_quotes(key.text)));
    if (!storages.emplace(key.text, sequence.take(size)).second)
      sequence.fail(fmt::format("storage {} stands twice", in_quotes(key.text)));
  }
  if (!sequence.at_end()) sequence.fail("the file goes on after its last storage");
  WeightFile file = Gatherer(object, storages, bytes.size(), origin).gather();
  file.format = "pickle (legacy)";
  return file;
}

}  // namespace sumi
