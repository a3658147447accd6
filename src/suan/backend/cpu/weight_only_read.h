// WeightOnly: a product of floats with dequantized weights and its tail, as a kernel takes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cpu/row_tail.h"
#include "suan/backend/cpu/weight_only_pack.h"

namespace suan::cpu {

// Weights as a product takes them. One scale for all of k is a block of all of k.
struct StoredWeights {
  StoredMatrix matrix;
  WeightFormat format;
  int64_t block = 0, blocks = 0;
  bool one_scale = false;  // and one zero point: a single number each
  bool has_zeros = false;
  StoredMatrix by_block() const { return {blocks, matrix.n, matrix.transposed}; }
};
// Null, or why no kernel takes the dequantize node's result as the product's second operand.
const char* read_stored_weights(const Node& product, const Node& dequantize, StoredWeights& out);

struct WeightOnly {
  StoredWeights weights;
  RowTail tail;
  const Node* dequantize = nullptr;  // of the region
  int x = -1, w = -1;                // operands
  int scales = -1, zeros = -1;       // those that are operands
};
const char* read_weight_only(const Graph& region, WeightOnly& out);

// Parts of blocks along k, each as long as sums of integers may be.
std::vector<WeightSegment> segments_of(const StoredWeights& weights);

}  // namespace suan::cpu
