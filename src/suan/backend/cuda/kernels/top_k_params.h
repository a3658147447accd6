// What kernels/top_k.cu takes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

// One pass: the first `kept` of each segment of each line, in order. The first pass reads x, later
// ones what the pass before kept; the last one writes the results.
struct TopKParams {
  const void* x;
  void* values;                // of the last pass; null: not wanted
  int64_t* indices;            // of the last pass; null: not wanted
  const uint64_t* keys_in;     // null: the first pass
  const uint32_t* indices_in;  // where a key does not hold its index
  uint64_t* keys_out;          // null: the last pass
  uint32_t* indices_out;
  int64_t length;  // of a line of x
  int64_t inner;   // elements between two of a line
  int64_t count;   // of a line in this pass
  int64_t kept;
  int32_t segment;  // elements of a block, at most
  int32_t padded;   // to a power of 2
  int32_t dtype, size;
  int32_t largest;
};

}  // namespace suan::cuda
