// A quantized graph for other batch sizes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/rebatch.h"

#include <gtest/gtest.h>

#include "suan/compress/inference_graph.h"
#include "suan/compress/quantize_model.h"
#include "suan/models/create.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/tensor/trace_function.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"
#include "tests/reproducible.h"

namespace suan::compress {
namespace {

TEST(Rebatch, GivesWhatTracingForTheOtherSizeWould) {
  const Reproducible reproducible;
  const auto model = models::create(
      "gpt",
      {{"vocabulary", "11"}, {"context", "8"}, {"layers", "1"}, {"heads", "2"}, {"width", "16"}});
  model->module().states();
  model->module().eval();
  const auto run = [&](const std::vector<Tensor>& a) { return std::vector{(*model)(a)}; };
  const auto trace = [&](int64_t n) {
    return trace_function(run, {Type(DType::i64, {n, 8})}).graph;
  };
  std::vector<Batch> batches(64, Batch{Array(DType::i64, {3, 8})});
  for (size_t b = 0; b < batches.size(); ++b) {
    batches[b][0] = Array(DType::i64, {3, 8});
    for (size_t i = 0; i < 24; ++i) {
      batches[b][0].as<int64_t>()[i] = static_cast<int64_t>((b * 7 + i * i) % 11);
    }
  }
  const QuantizedModel quantized = quantize_model(trace(3), batches);
  const Graph original = inference_graph(trace(7)).graph;
  const Graph seven = rebatched(quantized.graph, quantized.original, original);
  verify(seven);
  EXPECT_EQ(to_string(seven.outputs[0].type()), "f32[7, 8, 11]");
  EXPECT_EQ(nodes_of(seven, Op::quantize).size(), nodes_of(quantized.graph, Op::quantize).size());
  Array tokens(DType::i64, {7, 8});
  for (int64_t i = 0; i < 56; ++i) tokens.as<int64_t>()[i] = i % 11;
  const std::vector<Batch> other(1, Batch{tokens});
  EXPECT_GT(output_error(original, seven, other), 25);
}

TEST(Rebatch, RefusesGraphsThatAreNotOfOneModel) {
  const Graph a = graph_of({3, 4}, [](const Tensor& x) { return relu(x); });
  const Graph b = graph_of({5, 4}, [](const Tensor& x) { return exp(x); });
  const Graph c = graph_of({5, 4}, [](const Tensor& x) { return relu(exp(x)); });
  EXPECT_ERROR(rebatched(a, a, b), kInvalidArgument, "rebatch: node 0 is relu and exp");
  EXPECT_ERROR(rebatched(a, a, c), kInvalidArgument, "rebatch: the graphs have 1 and 2 nodes");
}

// Where the batch is as large as another axis, equal shapes come to differ.
TEST(Rebatch, RefusesSizesThatItCannotTellApart) {
  const auto make = [](int64_t n) {
    return graph_of({n, 4}, [](const Tensor& x) {
      const Tensor a = reshape(x, {x.shape()[0] * 2, 2});
      return sum(a, {}) + sum(reshape(normal_constant({16}, 1), {8, 2}), {});
    });
  };
  EXPECT_ERROR(rebatched(make(4), make(4), make(5)), kInvalidArgument,
               "rebatch: reshape: {shape=[8, 2]} becomes {shape=[8, 2]} here and {shape=[10, 2]} "
               "elsewhere");
}

}  // namespace
}  // namespace suan::compress
