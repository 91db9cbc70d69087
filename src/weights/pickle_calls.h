#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "weights/pickle_names.h"
#include "weights/pickle_stack.h"

namespace sumi {

/// What names mean when a pickle mentions and calls them. Nothing is ever executed: a call makes a
/// dict, the description of a tensor, or a value without use.
class PickleCalls {
 public:
  PickleCalls(const PickleReader& reader, PickleStack& stack) : reader_(reader), stack_(stack) {}

  /// Pushes a name of the allow-list; throws Error for any other.
  void mention(std::string_view module, std::string_view name);
  void mention_popped();
  /// REDUCE, NEWOBJ: calls the name below the top with the tuple on top.
  void reduce();
  /// BUILD: gives the object below the top the state on top.
  void build();
  /// BINPERSID: the storage that the tuple on top describes.
  void persistent();

 private:
  const PickleName& callee(PickleRef ref) const;
  std::int64_t natural(PickleRef ref, const char* what) const;
  std::vector<std::int64_t> extents(PickleRef ref, const char* what) const;
  void make_dict(const std::vector<PickleRef>& arguments);
  void make_tensor(const std::vector<PickleRef>& arguments);

  const PickleReader& reader_;
  PickleStack& stack_;
};

}  // namespace sumi
