#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "training/muon.h"
#include "training/state_memory.h"

namespace sumi {

/// A trainable tensor's canonical name and the place in its module that holds it.
using NamedSlot = std::pair<std::string, Tensor*>;

/// How fast parameters learn: those whose names start with `prefix` at `factor` times the rate.
struct RateFactor {
  std::string prefix;
  double factor = 1;
};

/// One tensor inside a flat buffer, seen as a matrix: a kernel is one row per output channel, a
/// vector is one row.
struct ParameterSlice {
  std::int64_t start = 0, rows = 0, columns = 0;
  bool decays = false;  ///< takes weight decay
  bool hidden = false;  ///< a hidden layer's matrix or kernel
  double rate = 1;      ///< factor of the learning rate
};

/// Neighbouring elements that are updated alike.
struct ParameterSpan {
  std::int64_t first = 0, last = 0;
  bool decays = false;
  double rate = 1;
};

/// One span for each tensor, with the gap behind it.
std::vector<ParameterSpan> spans_of(const std::vector<ParameterSlice>& slices);
/// Those, neighbours that are updated alike joined.
std::vector<ParameterSpan> joined_spans(const std::vector<ParameterSlice>& slices);
/// Kernels and matrices of hidden layers: all but tables of embeddings and the first and last
/// convolution.
std::vector<MatrixSlice> matrices_of(const std::vector<ParameterSlice>& slices);

/// Elements that a tensor takes in a flat buffer, with the gap behind it.
std::int64_t stored_length(const Tensor& tensor);

/// All trainable tensors of a run, moved into one flat fp32 buffer (and their gradients into
/// another), so that clipping, AdamW and EMA are one pass over memory each. The slots are replaced
/// by leaf views of the buffer. Tensors with two or more dimensions come first: only they take
/// weight decay. Each starts at a multiple of 64 bytes; the gaps stay zero.
class ParameterBuffer {
 public:
  explicit ParameterBuffer(const std::vector<NamedSlot>& slots,
                           const std::vector<RateFactor>& rates = {},
                           const StateMemory& memory = {});

  Tensor& weights() { return weights_; }      ///< [size]
  Tensor& gradients() { return gradients_; }  ///< [size]
  std::int64_t size() const { return weights_.numel(); }
  const std::vector<ParameterSlice>& slices() const { return slices_; }
  /// The whole buffer in pieces that are updated alike, gaps included.
  std::vector<ParameterSpan> spans() const { return joined_spans(slices_); }
  /// Trainable numbers, without the gaps.
  std::int64_t count() const { return count_; }
  /// Names and shapes in order, one a line: equal for two runs whose buffers can be exchanged.
  const std::string& layout() const { return layout_; }
  void clear_gradients() { gradients_.zero_(); }

 private:
  Tensor weights_, gradients_;
  std::vector<ParameterSlice> slices_;
  std::int64_t count_ = 0;
  std::string layout_;
};

/// Exchanges two buffers' contents for its lifetime: validation and the result use the averaged
/// weights through the very same modules.
class SwappedWeights {
 public:
  SwappedWeights(Tensor weights, Tensor others);
  ~SwappedWeights();
  SwappedWeights(const SwappedWeights&) = delete;
  SwappedWeights& operator=(const SwappedWeights&) = delete;

 private:
  void exchange();
  Tensor weights_, others_;
};

}  // namespace sumi
