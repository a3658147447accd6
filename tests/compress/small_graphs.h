// Graphs with made-up weights, and inputs for them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "suan/base/random.h"
#include "suan/compress/run_batches.h"
#include "suan/graph/graph.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

namespace suan::compress {

inline Array normal_array(const Shape& shape, uint64_t seed, float std = 1, float mean = 0) {
  Array array(DType::f32, shape);
  Random random(seed);
  for (float& v : array.span<float>()) v = mean + std * random.normal();
  return array;
}
inline Tensor normal_constant(const Shape& shape, uint64_t seed, float std = 1, float mean = 0) {
  return Tensor::from(normal_array(shape, seed, std, mean));
}

// A graph of one f32 input `x`.
inline Graph graph_of(const Shape& shape, const std::function<Tensor(const Tensor&)>& f) {
  Graph graph;
  graph.inputs = {make_input(Type(DType::f32, shape), "x")};
  graph.outputs = {f(graph.inputs[0])};
  return graph;
}
inline std::vector<Batch> normal_batches(const Graph& graph, int count, uint64_t seed = 100) {
  std::vector<Batch> batches;
  for (int i = 0; i < count; ++i) {
    batches.push_back({normal_array(graph.inputs[0].shape(), seed + static_cast<uint64_t>(i))});
  }
  return batches;
}

inline Tensor conv_of(const Tensor& x, int64_t out, uint64_t seed, int64_t groups = 1) {
  const int64_t in = x.shape()[1] / groups;
  const float std = 1.0f / std::sqrt(static_cast<float>(in * 9));
  return conv(x, normal_constant({out, in, 3, 3}, seed, std),
              normal_constant({out}, seed + 1, 0.1f),
              {.pad_begin = {1, 1}, .pad_end = {1, 1}, .groups = groups});
}
inline Tensor linear_of(const Tensor& x, int64_t out, uint64_t seed) {
  const int64_t in = x.shape().back();
  return linear(x, normal_constant({out, in}, seed, 1.0f / std::sqrt(static_cast<float>(in))),
                normal_constant({out}, seed + 1, 0.1f));
}

inline std::vector<NodePtr> nodes_of(const Graph& graph, Op op) {
  std::vector<NodePtr> found;
  for (const NodePtr& node : graph.nodes()) {
    if (is(*node, op)) found.push_back(node);
  }
  return found;
}

}  // namespace suan::compress
