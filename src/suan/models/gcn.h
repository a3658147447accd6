// Graph convolutional network. Kipf and Welling, ICLR 2017.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/attrs.h"
#include "suan/nn/dropout.h"
#include "suan/nn/linear.h"

namespace suan::models {

struct GcnOptions {
  int64_t features = 1433;
  int64_t hidden = 16;
  int64_t classes = 7;
  double dropout = 0.5;  // of the features and of the hidden layer

  static constexpr auto fields() {
    return std::tuple{Field{"features", &GcnOptions::features},
                      Field{"hidden", &GcnOptions::hidden}, Field{"classes", &GcnOptions::classes},
                      Field{"dropout", &GcnOptions::dropout}};
  }
};

// logits = A relu(A x W1 + b1) W2 + b2, where A is the normalised adjacency matrix, symmetric and
// in CSR form: row i holds values[offsets[i] .. offsets[i + 1]) in the columns of the same
// positions.
struct Gcn : nn::Module {
  explicit Gcn(GcnOptions options = {});
  // x [n, features], offsets i64 [n + 1], columns i64 [edges], values f32 [edges]; gives
  // [n, classes].
  Tensor operator()(const Tensor& x, const Tensor& offsets, const Tensor& columns,
                    const Tensor& values) const;

  nn::Linear conv1, conv2;  // weights by Glorot's rule, no bias of their own
  StatePtr bias1, bias2;
  nn::Dropout dropout1, dropout2;
  SUAN_MEMBERS(conv1, conv2, bias1, bias2, dropout1, dropout2)
};

struct CsrMatrix {
  Array offsets, columns, values;
};
// D^-1/2 (A + I) D^-1/2 for the undirected graph of n nodes with these edges; A has a 1 for every
// edge in both directions (once, however often it is given), D the sums of A + I by row. Throws
// Error when an edge names a node outside [0, n).
CsrMatrix normalised_adjacency(int64_t n, const std::vector<std::pair<int64_t, int64_t>>& edges);

}  // namespace suan::models
