// Initial values: bounds, moments, orthogonality.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/init.h"

#include <gtest/gtest.h>

#include "suan/nn/module.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "tests/expect_error.h"

namespace suan::nn {
namespace {

struct Moments {
  double mean, std, low, high;
};
Moments moments(const StatePtr& s) {
  const Array a = s->array();
  Moments m{0, 0, 1e9, -1e9};
  for (const float v : a.span<float>()) {
    m.mean += v / static_cast<double>(a.numel());
    m.low = std::min(m.low, double{v});
    m.high = std::max(m.high, double{v});
  }
  for (const float v : a.span<float>()) {
    m.std += (v - m.mean) * (v - m.mean) / static_cast<double>(a.numel());
  }
  m.std = std::sqrt(m.std);
  return m;
}

TEST(Init, DistributionsHaveTheirMoments) {
  const StatePtr w = parameter("w", {64, 32, 3, 3});
  init::kaiming_normal(w);
  EXPECT_NEAR(moments(w).std, std::sqrt(2.0 / 288), 1e-3);
  init::kaiming_normal(w, 1, init::Fan::out);
  EXPECT_NEAR(moments(w).std, std::sqrt(1.0 / 576), 1e-3);
  init::kaiming_uniform(w);
  EXPECT_NEAR(moments(w).high, std::sqrt(6.0 / 288), 1e-3);
  init::xavier_uniform(w);
  EXPECT_NEAR(moments(w).low, -std::sqrt(6.0 / 864), 1e-3);
  init::xavier_normal(w);
  EXPECT_NEAR(moments(w).std, std::sqrt(2.0 / 864), 1e-3);
  init::trunc_normal(w, 1, 0.5, 0.5, 1.5);
  EXPECT_GE(moments(w).low, 0.5);
  EXPECT_LE(moments(w).high, 1.5);
  EXPECT_NEAR(moments(w).mean, 1, 0.01);
  init::linear_default(w, nullptr);
  EXPECT_NEAR(moments(w).high, std::sqrt(1.0 / 288), 1e-4);
}

TEST(Init, OrthogonalMatricesAre) {
  for (const Shape& shape : {Shape{5, 3, 2}, Shape{6, 2}}) {
    const StatePtr w = parameter("w", shape);
    init::orthogonal(w, 2);
    const bool wide = shape[0] <= shape.numel() / shape[0];
    const Tensor m =
        Tensor::from(Array(DType::f32, {shape[0], shape.numel() / shape[0]}, w->array().buffer));
    const Array product = matmul(m, m, !wide, wide).array();
    const int64_t n = product.shape[0];
    for (int64_t i = 0; i < n * n; ++i) {
      EXPECT_NEAR(product.as<float>()[i], i % (n + 1) == 0 ? 4 : 0, 1e-5);
    }
  }
}

TEST(Init, AVectorHasNoFan) {
  EXPECT_ERROR(init::kaiming_normal(parameter("b", {5})), kInvalidArgument,
               "init: a weight of shape [5] has no fan, expected at least two axes");
}

}  // namespace
}  // namespace suan::nn
