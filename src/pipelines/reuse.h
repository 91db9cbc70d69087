#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "models/attended_context.h"

namespace sumi {

/// One evaluation of the network: for which picture, under which context, with or without its start
/// image. Contexts are told apart by identity; the pooled text goes with its context.
struct NetworkRow {
  std::int64_t picture = 0;
  Tensor context;  ///< [1, tokens, width]
  bool sees_image = true;
  Tensor pooled = {};  ///< [1, width], or undefined

  bool operator==(const NetworkRow& other) const {
    return picture == other.picture && context.is_same(other.context) &&
           sees_image == other.sees_image;
  }
};
using NetworkRows = std::vector<NetworkRow>;

/// The contexts of rows as one, kept for as long as the same ones come again, with the keys and
/// values made of them.
class JoinedContexts {
 public:
  AttendedContext of(const NetworkRows& rows);

 private:
  struct Entry {
    std::vector<Tensor> parts;
    AttendedContext joined;
  };
  std::list<Entry> recent_;  ///< the last one used first
};

/// Step caching (DeepCache, Ma et al. 2023): on every `interval`-th step a row goes through the
/// whole network and leaves what its outermost layers were given from below; the steps between
/// compute only those layers. All evaluations of a step are alike, and a row that listens to
/// something new starts with the whole network, so that a picture does not depend on its batch.
class StepCache {
 public:
  /// 0 or 1: every step is computed in full.
  explicit StepCache(int interval) : interval_(interval) {}

  bool keeps() const { return interval_ > 1; }
  /// Whether a row's feature of an earlier step serves at this one.
  bool serves(const NetworkRow& row, int step) const { return find(row, step) != nullptr; }
  /// The features of rows that are served, [rows, channels, h, w].
  Tensor recall(const NetworkRows& rows, int step) const;
  /// deep: [rows, channels, h, w], as the whole network left it at this step.
  void keep(const NetworkRows& rows, int step, const Tensor& deep);

 private:
  struct Kept {
    NetworkRow row;
    int step = 0;
    Tensor deep;  ///< of all rows that it was computed with
    std::int64_t index = 0;
  };
  const Kept* find(const NetworkRow& row, int step) const;
  bool fresh(const Kept& kept, int step) const {
    return step > kept.step && step - kept.step < interval_;
  }

  int interval_;
  std::vector<Kept> kept_;
};

}  // namespace sumi
