// Graph convolutional network.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/gcn.h"

#include <cmath>
#include <set>

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/csr_matmul.h"
#include "suan/ops/elementwise.h"

namespace suan::models {
namespace {

nn::Linear dense(int64_t in, int64_t out) {
  nn::Linear layer(in, out, {.bias = false});
  nn::init::xavier_uniform(layer.weight);
  return layer;
}

}  // namespace

Gcn::Gcn(GcnOptions o)
    : conv1(dense(o.features, o.hidden)),
      conv2(dense(o.hidden, o.classes)),
      bias1(nn::parameter("bias1", {o.hidden})),
      bias2(nn::parameter("bias2", {o.classes})),
      dropout1(o.dropout),
      dropout2(o.dropout) {}

Tensor Gcn::operator()(const Tensor& x, const Tensor& offsets, const Tensor& columns,
                       const Tensor& values) const {
  const int64_t nodes = x.size(0);
  const int64_t count = columns.size(0);
  if (!(offsets.shape() == Shape{nodes + 1}) || !(values.shape() == Shape{count})) {
    fail("gcn", "got offsets {} and values {} for {} nodes and {} columns",
         to_string(offsets.shape()), to_string(values.shape()), nodes, count);
  }
  const auto spread = [&](const Tensor& y) {  // A y
    return csr_matmul(offsets, columns, values, y, {.symmetric = true});
  };
  const Tensor hidden = relu(spread(conv1(dropout1(x))) + bias1->read());
  return spread(conv2(dropout2(hidden))) + bias2->read();
}

CsrMatrix normalised_adjacency(int64_t n, const std::vector<std::pair<int64_t, int64_t>>& edges) {
  std::vector<std::set<int64_t>> neighbours(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) neighbours[static_cast<size_t>(i)].insert(i);
  for (const auto& [a, b] : edges) {
    if (a < 0 || a >= n || b < 0 || b >= n) {
      fail(ErrorCode::kOutOfRange, "gcn", "edge ({}, {}) leaves the {} nodes", a, b, n);
    }
    neighbours[static_cast<size_t>(a)].insert(b);
    neighbours[static_cast<size_t>(b)].insert(a);
  }
  int64_t count = 0;
  for (const auto& row : neighbours) count += static_cast<int64_t>(row.size());
  CsrMatrix m{Array(DType::i64, {n + 1}), Array(DType::i64, {count}), Array(DType::f32, {count})};
  int64_t at = 0;
  for (size_t i = 0; i < neighbours.size(); ++i) {
    m.offsets.as<int64_t>()[i] = at;
    for (const int64_t j : neighbours[i]) {
      const auto degrees = static_cast<double>(neighbours[i].size()) *
                           static_cast<double>(neighbours[static_cast<size_t>(j)].size());
      m.columns.as<int64_t>()[at] = j;
      m.values.as<float>()[at++] = static_cast<float>(1 / std::sqrt(degrees));
    }
  }
  m.offsets.as<int64_t>()[n] = at;
  return m;
}

}  // namespace suan::models
