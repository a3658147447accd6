// Layer and RMS normalization and their gradients against the decompositions on the reference.
// SPDX-License-Identifier: Apache-2.0
#include "suan/autodiff/gradient.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/reduce.h"
#include "tests/backend/compare.h"

namespace suan {
namespace {

// y, then the gradients of sum(y w) in every input.
template <class F>
Trial norm_trial(DType dtype, const Shape& shape, int operands, int64_t axes, const F& f) {
  Shape normalized;
  for (int i = shape.rank() - static_cast<int>(axes); i < shape.rank(); ++i) {
    normalized.push_back(shape[i]);
  }
  std::vector<Type> types{{dtype, shape}, {dtype, shape}};
  for (int i = 0; i < operands; ++i) types.emplace_back(DType::f32, normalized);
  return trial(types, [&](const std::vector<Tensor>& in) {
    std::vector<Tensor> out{f(in)};
    std::vector<Tensor> wrt(in.begin() + 1, in.end());
    for (const Tensor& g : gradients(sum(out[0] * in[0]), wrt)) out.push_back(g);
    return out;
  });
}

const Shape kShapes[] = {{5, 3}, {301, 70}, {64, 128}, {7, 9, 5, 4}, {2, 5000}};

TEST(CpuNorm, LayerNormEqualsTheReferenceForAnyRowLength) {
  for (const Shape& shape : kShapes) {
    for (int operands : {0, 1, 2}) {
      for (DType dtype : {DType::f32, DType::bf16}) {
        const int64_t axes = shape.rank() > 2 ? 2 : 1;
        const Trial t = norm_trial(dtype, shape, operands, axes, [&](const auto& x) {
          return layer_norm(x[1], operands > 0 ? x[2] : Tensor(), operands > 1 ? x[3] : Tensor(),
                            {.axes = axes, .epsilon = 1e-3});
        });
        EXPECT_THAT(kernels_of(t.graph), testing::HasSubstr("cpu_norm"));
        expect_same(t.graph, t.inputs, dtype == DType::f32 ? 1e-5 : 1e-2);
      }
    }
  }
}

TEST(CpuNorm, RmsNormEqualsTheReferenceForAnyRowLength) {
  for (const Shape& shape : kShapes) {
    for (int operands : {0, 1}) {
      for (DType dtype : {DType::f32, DType::bf16}) {
        const Trial t = norm_trial(dtype, shape, operands, 1, [&](const auto& x) {
          return rms_norm(x[1], operands > 0 ? x[2] : Tensor(), {.epsilon = 1e-4});
        });
        EXPECT_THAT(kernels_of(t.graph), testing::HasSubstr("cpu_norm"));
        expect_same(t.graph, t.inputs, dtype == DType::f32 ? 1e-5 : 1e-2);
      }
    }
  }
}

}  // namespace
}  // namespace suan
