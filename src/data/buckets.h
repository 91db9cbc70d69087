#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/config.h"

namespace sumi {

/// Whether pictures keep their shape.
struct BucketConfig {
  int step_px = 0;
  double max_aspect = 2;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("step_px", self.step_px,
          "keep the shapes of whole pictures: sides are multiples of this, 8 x the autoencoder's "
          "factor, e.g. 64, and cover size_px x size_px at most; 0: every picture becomes a "
          "square");
    visit("max_aspect", self.max_aspect,
          "longer side over shorter, at most; rounder than that is "
          "cut");
  }
};

/// A size in pixels.
struct PixelSize {
  int width = 0, height = 0;
  bool operator==(const PixelSize&) const = default;
};

/// The sizes whose sides are multiples of `config.step_px`, with the largest area within
/// size_px², both ways round, sorted from the tallest to the widest. Throws Error when the config
/// allows none.
std::vector<PixelSize> bucket_sizes(int size_px, const BucketConfig& config);

/// The size whose proportions are nearest to `of`'s, by ratio.
std::size_t nearest_size(std::span<const PixelSize> sizes, PixelSize of);

/// Pictures that are trained at one size.
struct Bucket {
  PixelSize size;
  std::vector<std::uint32_t> pictures;  ///< indices, ascending
};

/// Sorts pictures into buckets by their proportions. Buckets of fewer than `least` pictures are
/// given up, smallest first, their pictures go to the next best one; one bucket always stays.
std::vector<Bucket> fill_buckets(std::span<const PixelSize> pictures,
                                 std::span<const PixelSize> sizes, std::size_t least);

/// An endless order of samples in which `group` samples in a row come from one bucket, so that a
/// batch has one size. Each bucket is gone through in shuffled passes, and takes turns by its share
/// of the pictures: in pictures-many groups every picture comes exactly `group` times, and at any
/// point no bucket is more than a group ahead of or behind its share, plus one for each bucket. Any
/// place in the order is found alone.
class BucketOrder {
 public:
  BucketOrder(std::vector<Bucket> buckets, int group, std::uint64_t seed);

  struct Place {
    std::uint32_t picture = 0;
    std::uint32_t bucket = 0;
    std::uint64_t visit = 0;  ///< how often this picture came before
  };
  Place at(std::uint64_t index) const;

  const std::vector<Bucket>& buckets() const { return buckets_; }
  int group() const { return group_; }

 private:
  struct Turn {
    std::uint32_t bucket, before;  ///< turns that the bucket had before in this cycle
  };
  std::vector<Bucket> buckets_;
  int group_;
  std::uint64_t seed_;
  std::vector<Turn> turns_;  ///< one for each picture, then all over again
};

}  // namespace sumi
