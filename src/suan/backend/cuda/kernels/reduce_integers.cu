// Reductions of integers. They are rare (counts, masks), so one kernel serves all widths.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/reduce_ops.cuh"

namespace reduction {

#define SUAN_INTEGER_KERNELS(name, ...)                                                      \
  SUAN_BOUNDED(256, name##_rows_integer, ReduceParams) { rows_of<__VA_ARGS__, 1>(p); }       \
  SUAN_BOUNDED(256, name##_columns_integer, ReduceParams) { columns_of<__VA_ARGS__, 1>(p); } \
  SUAN_BOUNDED(256, name##_merge_integer, ReduceParams) { merge_parts<__VA_ARGS__>(p); }

SUAN_INTEGER_KERNELS(sum, Fold<Integers<false>, Added>)
SUAN_INTEGER_KERNELS(prod, Fold<Integers<false>, Multiplied>)
SUAN_INTEGER_KERNELS(max, Fold<Integers<true>, Maximum>)
SUAN_INTEGER_KERNELS(min, Fold<Integers<true>, Minimum>)
SUAN_INTEGER_KERNELS(argmax, Position<Integers<true>, true>)
SUAN_INTEGER_KERNELS(argmin, Position<Integers<true>, false>)

}  // namespace reduction
