// Variances, log-sum-exp and positions of extremes of floats. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/reduce_ops.cuh"

namespace reduction {

template <class T>
using FloatArgmax = Position<Floats<T>, true>;
template <class T>
using FloatArgmin = Position<Floats<T>, false>;

SUAN_REDUCE_KERNELS(var, ReduceParams, Variance)
SUAN_REDUCE_KERNELS(logsumexp, ReduceParams, LogSumExp)
SUAN_REDUCE_KERNELS(argmax, ReduceParams, FloatArgmax)
SUAN_REDUCE_KERNELS(argmin, ReduceParams, FloatArgmin)

}  // namespace reduction
