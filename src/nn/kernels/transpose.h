#pragma once

#include <cstdint>
#include <cstring>

namespace sumi {

/// Four floats for moving data, whatever the instruction set.
using FourFloats = float __attribute__((vector_size(16)));

/// Four rows and four columns of `transpose`.
template <class Lanes>
void transpose_four(const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride,
                    float factor) {
  FourFloats row[4];
  for (int i = 0; i < 4; ++i) {
    std::memcpy(&row[i], from + i * from_stride, sizeof(FourFloats));
    row[i] *= factor;
  }
  const auto low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5);
  const auto low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5);
  const auto high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7);
  const auto high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  const FourFloats column[4] = {__builtin_shufflevector(low01, low23, 0, 1, 4, 5),
                                __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
                                __builtin_shufflevector(high01, high23, 0, 1, 4, 5),
                                __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (int i = 0; i < 4; ++i) std::memcpy(to + i * to_stride, &column[i], sizeof(FourFloats));
}

/// to[column * to_stride + row] = factor * from[row * from_stride + column].
/// `Lanes` only keeps the versions for several instruction sets apart.
template <class Lanes>
void transpose(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
               float* to, std::int64_t to_stride, float factor) {
  const auto whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (std::int64_t row = 0; row < whole_rows; row += 4)
    for (std::int64_t column = 0; column < whole_columns; column += 4)
      transpose_four<Lanes>(from + row * from_stride + column, from_stride,
                            to + column * to_stride + row, to_stride, factor);
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = row < whole_rows ? whole_columns : 0; column < columns; ++column)
      to[column * to_stride + row] = factor * from[row * from_stride + column];
}

}  // namespace sumi
