// Reductions of floats. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/reduce_ops.cuh"

namespace reduction {

template <class T>
using FloatSum = Fold<Floats<T>, Added>;
template <class T>
using FloatMax = Fold<Floats<T>, Maximum>;
template <class T>
using FloatMin = Fold<Floats<T>, Minimum>;
template <class T>
using FloatProduct = Fold<Floats<T>, Multiplied>;

SUAN_REDUCE_KERNELS(sum, ReduceParams, FloatSum)
SUAN_REDUCE_KERNELS(max, ReduceParams, FloatMax)
SUAN_REDUCE_KERNELS(min, ReduceParams, FloatMin)
SUAN_REDUCE_KERNELS(prod, ReduceParams, FloatProduct)

}  // namespace reduction
