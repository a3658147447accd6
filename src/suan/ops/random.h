// Counter-based random numbers: the same key gives the same numbers on every backend.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"
#include "suan/ops/shape_ops.h"

namespace suan {

// Uniform numbers in [0, 1): element i is the upper 24 bits of word i % 4 of Philox4x32-10 with
// counter (i / 4, key[1]) and key key[0], times 2^-24. key: i64[2] = {seed, stream}; two calls need
// two streams. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
Tensor random_uniform(const Tensor& key, const Shape& shape);
// Numbers of N(0, 1): elements 2 i and 2 i + 1 are the cosine and sine of Box and Muller's pair for
// the uniform numbers 2 i and 2 i + 1 of this key.
Tensor random_normal(const Tensor& key, const Shape& shape);
// y = x / (1 - p) where a uniform number of this key is at least p, else 0: each element is dropped
// with probability p. Throws Error unless 0 <= p < 1. Srivastava et al., JMLR 2014.
Tensor dropout(const Tensor& x, const Tensor& key, double p);

}  // namespace suan
