// Numbers in order, and one-hot vectors, which compare with them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct ArangeAttrs {
  double start = 0;
  double step = 1;
  int64_t count = 0;
  DType dtype = DType::i64;
  bool operator==(const ArangeAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"start", &ArangeAttrs::start}, Field{"step", &ArangeAttrs::step},
                      Field{"count", &ArangeAttrs::count}, Field{"dtype", &ArangeAttrs::dtype}};
  }
};

// y_i = start + i step for i < count. Throws Error when count is negative or a number is not
// finite.
Tensor arange(double start, double step, int64_t count, DType dtype = DType::i64);
// 0, 1, ..., count - 1.
Tensor arange(int64_t count, DType dtype = DType::i64);
// y[..., k, ...] = 1 where k = indices[...], else 0: a new axis of `count` classes at `axis`. An
// index outside [0, count) gives zeros. Throws Error unless indices are integers.
Tensor one_hot(const Tensor& indices, int64_t count, int64_t axis = -1, DType dtype = DType::f32);

}  // namespace suan
