// Elementwise operations: one formula per row of unary.table and binary.table, plus select and
// cast. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// One row as the backends see it.
struct ElementwiseRow {
  int arity;
  bool gives_bool;
  const char* source;  // the forward tokens over x, or a and b, or c, a and b
  // The formula on scalars; null where the row has no meaning for that type.
  double (*f64)(const double* in);
  float (*f32)(const float* in);
  int64_t (*i64)(const int64_t* in);
  uint64_t (*u64)(const uint64_t* in);  // null where i64 is
};

#define UNARY(name, ...) Tensor name(const Tensor& x);
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(name, ...) Tensor name(const Tensor& a, const Tensor& b);
#include "suan/ops/binary.table"
#undef BINARY

// y = condition ? a : b, elementwise with broadcasting; condition is bool.
Tensor select(const Tensor& condition, const Tensor& a, const Tensor& b);

struct CastAttrs {
  DType dtype = DType::f32;
  bool saturate = true;  // of 8-bit floats: what is too large becomes the largest, not infinity
  bool operator==(const CastAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &CastAttrs::dtype}, Field{"saturate", &CastAttrs::saturate}};
  }
};
// Conversion: floats round to nearest even; float to integer truncates and saturates, NaN gives 0;
// anything to bool is x != 0.
Tensor cast(const Tensor& x, DType dtype, bool saturate = true);

inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return less(a, b); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return greater(a, b); }
inline Tensor operator<=(const Tensor& a, const Tensor& b) { return less_equal(a, b); }
inline Tensor operator>=(const Tensor& a, const Tensor& b) { return greater_equal(a, b); }

// Sums `g` over the axes in which a tensor of `shape` was broadcast to g's shape.
Tensor reduce_to(const Tensor& g, const Shape& shape);

}  // namespace suan
