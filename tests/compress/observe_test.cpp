// Looking at values inside a graph, and data that does not fit.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/observe.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"

namespace suan::compress {
namespace {

TEST(Observe, SeesEveryBatch) {
  const Graph graph = graph_of({2, 3}, [](const Tensor& x) { return relu(x) * 2.0; });
  std::vector<Batch> batches;
  for (const float v : {1.0f, -5.0f, 3.0f}) {
    batches.push_back({Array::list(std::vector<float>{v, 0, 0, 0, 0, 0})});
    batches.back()[0].shape = {2, 3};
  }
  const auto seen = observe(graph, {graph.inputs[0], graph.outputs[0]}, batches);
  EXPECT_EQ(seen[0].min(), -5);
  EXPECT_EQ(seen[0].max(), 3);
  EXPECT_EQ(seen[0].count(), 18);
  EXPECT_EQ(seen[1].min(), 0);
  EXPECT_EQ(seen[1].max(), 6);
}

TEST(Observe, RefusesDataThatDoesNotFit) {
  const Graph graph = graph_of({2, 3}, [](const Tensor& x) { return log(x); });
  const auto look = [&](const std::vector<Batch>& batches) {
    return observe(graph, {graph.outputs[0]}, batches);
  };
  EXPECT_ERROR(look({}), kInvalidArgument,
               "calibration: there is no data, expected at least one batch");
  EXPECT_ERROR(look({{}}), kInvalidArgument,
               "calibration: batch 0 has 0 arrays, the model 1 inputs");
  EXPECT_ERROR(look({{normal_array({3, 2}, 1)}}), kInvalidArgument,
               "calibration: batch 0: 'x' is f32[3, 2], expected f32[2, 3]");
  Array bad = normal_array({2, 3}, 1);
  bad.as<float>()[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(look({{bad}}), kNumeric, "calibration: batch 0: 'x' has nan at element 4");
  bad.as<float>()[4] = 0;
  EXPECT_ERROR(look({{bad}}), kNumeric, "calibration: log gives NaN or infinity");
}

TEST(Observe, KnowsHowManySamplesSuffice) {
  EXPECT_EQ(too_few_samples(128), "");
  EXPECT_EQ(too_few_samples(8), "calibrated with 8 samples; ranges are reliable from 128 on");
  const std::vector<Batch> batches{{Array(DType::f32, {3, 4})}, {Array(DType::f32, {2, 4})}};
  EXPECT_EQ(sample_count(batches), 5);
}

}  // namespace
}  // namespace suan::compress
