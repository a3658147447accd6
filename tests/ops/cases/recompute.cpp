// Cases of barrier and checkpoint.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/recompute.h"

#include "suan/autodiff/checkpoint.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_barrier() {
  static const OpCases cases{
      .cases = {{"alone",
                 {real({2, 3}), real({4})},
                 [](const Tensors& x) { return barrier(x[0], x[1]); },
                 {.integers = true}},
                {"among others",
                 {real({2, 3}), real({2, 3})},
                 [](const Tensors& x) { return exp(barrier(tanh(x[0]), x[1] * 2.0)) * x[1]; }}},
  };
  return cases;
}

const OpCases& cases_checkpoint() {
  static const OpCases cases{
      .cases = {{"one result",
                 {real({2, 3}), real({3, 4})},
                 [](const Tensors& x) {
                   const auto f = checkpoint([](const Tensor& a, const Tensor& b) {
                     return matmul(tanh(a), exp(b)) * 2.0;
                   });
                   return f(x[0], x[1]);
                 },
                 {.tolerance = 2}},
                {"two results, and what is captured",
                 {real({2, 3}), real({2, 3})},
                 [](const Tensors& x) {
                   const Tensor scale = sigmoid(x[1]);
                   const auto f = checkpoint([&](const Tensor& a) {
                     const Tensor t = tanh(a) * scale;
                     return std::vector<Tensor>{t * t, exp(t), a};
                   });
                   return f(sin(x[0]));
                 },
                 {.tolerance = 2}},
                {"one in another",
                 {real({2, 3})},
                 [](const Tensors& x) {
                   const auto inner = checkpoint([](const Tensor& a) { return tanh(a) * a; });
                   return checkpoint([&](const Tensor& a) { return exp(inner(a * 0.5)); })(x[0]);
                 },
                 {.tolerance = 2}}},
      .bad = {{[] { make(op_def(Op::checkpoint), {zeros({2})}, CheckpointAttrs{.results = 2}); },
               "checkpoint: results is 2, expected 1 to 1, the number of inputs"}},
  };
  return cases;
}

}  // namespace suan
