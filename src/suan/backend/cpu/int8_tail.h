// Int8Tail: what follows a product of 8-bit integers, from sums in i32 to the stored result: one
// factor and one term for each output channel, then oneDNN's post-ops.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/cpu/tail.h"
#include "suan/backend/quantized_region.h"

namespace suan::cpu {

struct Int8Tail {
  QuantizedRegion region;
  std::vector<float> factors;  // of the sums, one for each output channel
  std::vector<float> terms;    // added behind the factors; empty: none
  Tail tail;                   // post-ops, residual and binaries
};

// Reads a node's region. Null, or the reason why it is none that such kernels compute.
const char* read_int8_tail(const Node& node, Op product, Int8Tail& out);

// For the target: whether the region of a node to be has a kernel. Looks at no operand's value.
const char* int8_why_not(const Graph& region);

// The greatest number of products in one sum that i32 holds whatever the numbers are.
constexpr int64_t kMostProducts = (int64_t{1} << 31) / (255 * 128) - 1;

}  // namespace suan::cpu
