// Values without elements whose other sizes are huge: nothing may loop over those.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/cumsum.h"
#include "suan/ops/gather.h"
#include "suan/ops/top_k.h"
#include "tests/backend/compare.h"

namespace suan {
namespace {

TEST(Empty, TakesNoTimeHoweverLargeTheOtherSizesAre) {
  const int64_t huge = int64_t{1} << 40;
  const Trial t =
      trial({{DType::f32, {huge, 0}}, {DType::f32, {huge, 1, 0}}, {DType::i64, {1}}},
            [](const std::vector<Tensor>& x) {
              return std::vector{cumsum(x[0], 1), top_k(x[0], 0).values, gather(x[1], x[2], 1)};
            });
  std::vector<Array> inputs = t.inputs;
  inputs[2] = Array::of<int64_t>(std::vector<int64_t>{0}, {1});
  for (const Backend* backend : {&reference_backend(), &cpu_backend()}) {
    for (const Array& y : run_on(*backend, t.graph, inputs)) EXPECT_EQ(y.numel(), 0);
  }
}

}  // namespace
}  // namespace suan
