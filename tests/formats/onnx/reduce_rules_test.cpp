// Running sums and products beyond what the official suite covers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/leaf.h"
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

OneNode running(const std::string& op, const Tensor& x, int64_t axis, bool exclusive,
                bool reverse) {
  return node_of(op, 26)
      .in(x)
      .in(Tensor::of<int64_t>({axis}, {}))
      .with("exclusive", int64_t{exclusive})
      .with("reverse", int64_t{reverse});
}

TEST(OnnxCumProd, MultipliesAllWays) {
  const Tensor x = floats({2, 3, 0.5F, -4, 10}, {5});
  expect_near(running("CumProd", x, 0, false, false).run()[0], {2, 6, 3, -12, -120});
  expect_near(running("CumProd", x, 0, true, false).run()[0], {1, 2, 6, 3, -12});
  expect_near(running("CumProd", x, 0, false, true).run()[0], {-120, -60, -20, -40, 10});
  expect_near(running("CumProd", x, -1, true, true).run()[0], {-60, -20, -40, 10, 1});
  const Tensor rows = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  expect_near(running("CumProd", rows, 0, false, false).run()[0], {1, 2, 3, 4, 10, 18});
  expect_near(running("CumProd", rows, 1, false, true).run()[0], {6, 6, 3, 120, 30, 6});
}

TEST(OnnxCumProd, KeepsEveryDType) {
  Ints powers(40, 3);
  powers[0] = 1;
  const auto y = running("CumProd", ints(powers), 0, false, false).run()[0];
  EXPECT_EQ(values_of<int64_t>(y).back(), 4052555153018976267);  // 3^39, which no double holds
  const Tensor halves = cast(floats({1.5, 2, 4}, {3}), DType::f16);
  expect_near(running("CumProd", halves, 0, false, false).run()[0], "f16[3]", {1.5, 3, 12});
  const Tensor wrapping = tensor_of<int32_t>({1 << 20, 1 << 11, 2}, {3});
  expect_near(running("CumProd", wrapping, 0, false, false).run()[0], "i32[3]",
              {1 << 20, -2147483648.0, 0});
  const auto none = running("CumProd", zeros({2, 0}), 1, true, false).run()[0];
  EXPECT_EQ(none.shape(), (Shape{2, 0}));
}

TEST(OnnxCumProd, NeedsAnAxisOfTheTensor) {
  expect_error(running("CumProd", floats({1, 2}, {2}), 1, false, false),
               "CumProd: axis 1 is out of range for rank 1");
}

}  // namespace
}  // namespace suan::onnx
