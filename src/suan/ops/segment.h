// Reductions over groups of rows: row i belongs to segment ids[i]. Ids come in any order; they are
// data, bounded as scatter's indices are. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct SegmentAttrs {
  int64_t count = 0;  // of segments
  bool operator==(const SegmentAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"count", &SegmentAttrs::count}}; }
};

// For all: x [n, ...], ids [n] of i64 or i32 give [count, ...]; a segment without rows gives 0 (JAX
// segment_sum, PyTorch Geometric scatter). Throws Error when shapes or dtypes do not fit; an id
// outside [-count, count) makes the run throw Error(kOutOfRange), negative ones count from the
// back.

// y[s] = sum of x[i] over ids[i] = s.
Tensor segment_sum(const Tensor& x, const Tensor& ids, int64_t count);
// y[s] = mean of x[i] over ids[i] = s.
Tensor segment_mean(const Tensor& x, const Tensor& ids, int64_t count);
// y[s] = largest x[i] over ids[i] = s, by element; NaN wins. Ties share the gradient evenly.
Tensor segment_max(const Tensor& x, const Tensor& ids, int64_t count);
// y[i] = exp(x[i]) / sum of exp(x[j]) over ids[j] = ids[i], without overflow: softmax over each
// segment's rows, by element.
Tensor segment_softmax(const Tensor& x, const Tensor& ids, int64_t count);

}  // namespace suan
