// Embedding: a table of vectors looked up by integers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/module.h"

namespace suan::nn {

struct EmbeddingOptions {
  int64_t padding_index = -1;  // this row gives zeros and is not trained; -1: none
};

// y[...] = weight[x[...]] for x of i64 or i32; weight [count, width], from N(0, 1) as in PyTorch.
// Negative indices count from the end; one outside [-count, count) makes the run throw
// Error(kOutOfRange).
struct Embedding : Module {
  Embedding(int64_t count, int64_t width, EmbeddingOptions options = {});
  Tensor operator()(const Tensor& x) const;

  StatePtr weight;
  SUAN_MEMBERS(weight)

 private:
  int64_t padding_index_;
};

}  // namespace suan::nn
