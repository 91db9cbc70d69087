#pragma once

#include <cstddef>
#include <memory>

namespace sumi {

/// Asks the system to back `bytes` from `start` on with large pages, where it has them for the
/// asking: mapping and finding many small ones costs more than filling them. Changes no content.
void prefer_large_pages(void* start, std::size_t bytes);

/// Uninitialised floats, aligned to 64 bytes.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t count);

  float* data() const { return static_cast<float*>(start_.get()); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Freed {
    void operator()(void* block) const;
  };
  std::unique_ptr<void, Freed> start_;
  std::size_t bytes_ = 0;
};

}  // namespace sumi
