#include "nn/kernels/attention_gradient.h"

#include <limits>
#include <vector>

#include "nn/kernels/loops.h"
#include "nn/kernels/training_loops.h"

namespace sumi {
namespace {

/// Widths that products of small matrices take.
std::int64_t padded(std::int64_t width) { return (width + 15) / 16 * 16; }

/// A matrix of its own, [rows, padded columns], zero beyond the columns.
class Matrix {
 public:
  Matrix(std::int64_t rows, std::int64_t columns)
      : width_(padded(columns)), values_(static_cast<std::size_t>(rows * width_)) {}
  float* data() { return values_.data(); }
  std::int64_t width() const { return width_; }
  float* row(std::int64_t i) { return data() + i * width_; }

 private:
  std::int64_t width_;
  std::vector<float> values_;
};

/// Room for one head.
struct Room {
  Matrix q, k, gradient;                       // [tokens, width]
  Matrix turned_q, turned_k, turned_gradient;  // [width, tokens]
  Matrix weights, slopes;                      // [keys, queries]
  Matrix to_q, to_k, to_v;                     // to_q turned

  explicit Room(const AttentionGradient& a)
      : q(a.queries, a.width),
        k(a.keys, a.width),
        gradient(a.queries, a.width),
        turned_q(a.width, a.queries),
        turned_k(a.width, a.keys),
        turned_gradient(a.width, a.queries),
        weights(a.keys, a.queries),
        slopes(a.keys, a.queries),
        to_q(a.width, a.queries),
        to_k(a.keys, a.width),
        to_v(a.keys, a.width) {}
};

/// rows [count, width] * scale, as they lie and turned.
void take(const float* from, std::int64_t stride, std::int64_t count, std::int64_t width,
          float scale, Matrix& rows, Matrix& turned) {
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t d = 0; d < width; ++d) rows.row(i)[d] = from[i * stride + d] * scale;
  for (std::int64_t d = 0; d < width; ++d)
    for (std::int64_t i = 0; i < count; ++i) turned.row(d)[i] = rows.row(i)[d];
}

void give(Matrix& rows, std::int64_t count, std::int64_t width, float* to, std::int64_t stride) {
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t d = 0; d < width; ++d) to[i * stride + d] = rows.row(i)[d];
}

void give_turned(Matrix& columns, std::int64_t count, std::int64_t width, float scale, float* to,
                 std::int64_t stride) {
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t d = 0; d < width; ++d) to[i * stride + d] = columns.row(d)[i] * scale;
}

/// Where `view` has that head of that sample.
template <class Element>
Element* at(const HeadsView<Element>& view, std::int64_t sample, std::int64_t head) {
  return view.data + sample * view.batch_stride + head * view.head_stride;
}

/// dP = dO V', dS = P (dP - sum of P dP), dV = P' dO, dK = dS' Q, dQ = dS K; here with queries
/// along the rows of memory, so that sums over keys run down columns.
void one_head(const AttentionGradient& a, std::int64_t sample, std::int64_t head, Room& room) {
  const auto product = loops().product;
  take(at(a.q, sample, head), a.q.token_stride, a.queries, a.width, a.scale, room.q, room.turned_q);
  take(at(a.k, sample, head), a.k.token_stride, a.keys, a.width, 1, room.k, room.turned_k);
  take(at(a.gradient, sample, head), a.gradient.token_stride, a.queries, a.width, 1, room.gradient,
       room.turned_gradient);
  const auto columns = room.weights.width();
  product(room.k.data(), room.k.width(), a.keys, a.width, room.turned_q.data(), columns,
          room.weights.data());
  if (a.causal)
    for (std::int64_t key = 1; key < a.keys; ++key)
      for (std::int64_t query = 0; query < key && query < a.queries; ++query)
        room.weights.row(key)[query] = -std::numeric_limits<float>::max() / 4;
  training_loops().softmax_columns(room.weights.data(), a.keys, columns);
  product(at(a.v, sample, head), a.v.token_stride, a.keys, a.width, room.turned_gradient.data(),
          columns, room.slopes.data());
  training_loops().softmax_gradient(room.weights.data(), room.slopes.data(), a.keys, columns);
  product(room.weights.data(), columns, a.keys, a.queries, room.gradient.data(), room.to_v.width(),
          room.to_v.data());
  product(room.slopes.data(), columns, a.keys, a.queries, room.q.data(), room.to_k.width(),
          room.to_k.data());
  product(room.turned_k.data(), room.turned_k.width(), a.width, a.keys, room.slopes.data(), columns,
          room.to_q.data());
  give(room.to_v, a.keys, a.width, at(a.to_v, sample, head), a.to_v.token_stride);
  give(room.to_k, a.keys, a.width, at(a.to_k, sample, head), a.to_k.token_stride);
  give_turned(room.to_q, a.queries, a.width, a.scale, at(a.to_q, sample, head),
              a.to_q.token_stride);
}

}  // namespace

void AttentionGradient::run() const {
#pragma omp parallel if (batch * heads > 1)
  {
    Room room(*this);
#pragma omp for collapse(2)
    for (std::int64_t sample = 0; sample < batch; ++sample)
      for (std::int64_t head = 0; head < heads; ++head) one_head(*this, sample, head, room);
  }
}

}  // namespace sumi
