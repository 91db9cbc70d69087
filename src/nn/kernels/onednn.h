#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace sumi {

/// The processor as oneDNN sees it.
const dnnl::engine& cpu_engine();

/// Runs `primitive` and waits for it.
void execute(const dnnl::primitive& primitive,
             const std::unordered_map<int, dnnl::memory>& arguments);

/// Memory of that description at an address somebody else owns.
dnnl::memory at_address(const dnnl::memory::desc& desc, const void* address);

/// Scratch memory of the calling thread: one block for whatever runs, since layers run one after
/// the other. It grows to the largest request and carries nothing from one call to the next.
/// `bytes` of it, aligned to 64; valid until the next call on this thread.
void* scratch(std::size_t bytes);

/// Threads that a primitive made now is made for.
int compute_threads();

/// out[i] = from[i], on all threads; nothing if both are the same array.
void copy_floats(const float* from, std::int64_t count, float* out);

/// Weights in whatever layout primitives ask for. The plain form is given up once packed; further
/// layouts are made from a packed one, and the last two are kept.
class PackedWeights {
 public:
  /// Copies `data` of that plain description.
  PackedWeights(const dnnl::memory::desc& plain, const void* data);

  const dnnl::memory& in(const dnnl::memory::desc& layout);
  std::size_t bytes() const;

 private:
  dnnl::memory::desc plain_;
  std::list<dnnl::memory> layouts_;
};

/// The last few things prepared, by key.
template <class Key, class Value>
class PreparedCache {
 public:
  /// The value of `key`, made by make(), which may give nothing.
  template <class Make>
  std::optional<Value>& get(const Key& key, const Make& make) {
    for (auto it = entries_.begin(); it != entries_.end(); ++it)
      if (it->first == key) {
        entries_.splice(entries_.begin(), entries_, it);
        return it->second;
      }
    if (entries_.size() == kMost) entries_.pop_back();
    entries_.emplace_front(key, made(make));
    return entries_.front().second;
  }

 private:
  static constexpr std::size_t kMost = 8;

  template <class Make>
  static std::optional<Value> made(const Make& make) {
    try {
      return make();
    } catch (const dnnl::error&) {
      return std::nullopt;
    }
  }
  std::list<std::pair<Key, std::optional<Value>>> entries_;
};

}  // namespace sumi
