// How the weights, scales and zero points of weight_only_kernel.h are packed: each a permutation
// with padding, so that an engine file can hold them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cpu/weight_only_kernel.h"
#include "suan/base/packed_form.h"

namespace suan::cpu {

// A constant matrix of k (or of blocks of k) by n, stored [n, k] where `transposed`.
struct StoredMatrix {
  int64_t k = 0, n = 0;
  bool transposed = false;
  int64_t k_step() const { return transposed ? 1 : n; }
  int64_t n_step() const { return transposed ? k : 1; }
};

int64_t panels_of(int64_t n);
int64_t panel_bytes(int64_t k, const WeightFormat& format);

PackedForm weights_form(const StoredMatrix& w, const WeightFormat& format);
void pack_weights(const StoredMatrix& w, const WeightFormat& format, const void* from, void* to);
// Of what has one number for each block and column, in elements of 4 bytes or 1.
PackedForm by_block_form(const StoredMatrix& m, int64_t element_size);
void pack_by_block(const StoredMatrix& m, int64_t element_size, const void* from, void* to);

}  // namespace suan::cpu
