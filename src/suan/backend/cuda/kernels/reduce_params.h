// What kernels made of kernels/reduce.cuh take. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

// Dims of memory, innermost first; strides are in elements.
struct ReduceDims {
  int32_t rank;
  int64_t size[8], stride[8];
};

// One result for each index along `kept`, of all elements along `reduced`. Where the innermost dim
// of memory is kept, it is `inner` long and not among `kept`.
struct ReduceShape {
  ReduceDims kept, reduced;
  int64_t outputs, count;  // results; elements of each
  int64_t inner;
  int64_t parts, part;  // each result's elements in parts of this many, by blocks of their own
  int32_t whole;        // rows: a block has a result, not a warp
  int32_t across;       // columns: threads of a block side by side, a power of 2
};

struct ReduceParams {
  ReduceShape shape;
  const void* x;
  void* y;
  void* partials;  // a state for each part of each result; null: there is one part
  double number;   // var: what the squares are divided by
  int32_t dtype;   // integers: of x
  int32_t size;    // integers: bytes of a result
};

}  // namespace suan::cuda
