// Embedding.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/embedding.h"

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/shape_ops.h"

namespace suan::nn {

Embedding::Embedding(int64_t count, int64_t width, EmbeddingOptions options)
    : padding_index_(options.padding_index) {
  if (count < 1 || width < 1) {
    fail("Embedding", "got {} rows of {}, expected 1 or more", count, width);
  }
  if (padding_index_ < -1 || padding_index_ >= count) {
    fail("Embedding", "padding_index is {}, expected -1 or a row below {}", padding_index_, count);
  }
  weight = parameter("weight", {count, width});
  init::normal(weight);
}

Tensor Embedding::operator()(const Tensor& x) const {
  Tensor rows = gather(weight->read(), x);
  if (padding_index_ < 0) return rows;
  Shape mask = x.shape();
  mask.push_back(1);
  const Tensor is_padding = equal(x, Tensor(static_cast<double>(padding_index_)));
  return select(reshape(is_padding, mask), 0.0, rows);
}

}  // namespace suan::nn
