// Attention on Tensor Cores and by cuDNN: sizes that the suite's cases, which are small, do not
// have.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "suan/autodiff/gradient.h"
#include "suan/ops/attention.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/ops/attention_case.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

using Sizes = AttentionCaseSizes;

class CudaAttention : public testing::TestWithParam<Sizes> {
 protected:
  void SetUp() override { gpu().launched.clear(); }
  void TearDown() override { gpu().refuse_attention(false); }
  static emulate::EmulatedGpu& gpu() { return emulate::emulated_gpu(); }
  static void compare(bool logsumexp) {
    for (const DType dtype : {DType::bf16, DType::f16}) {
      SCOPED_TRACE(name(dtype));
      compare_floats(attention_case(GetParam(), logsumexp), dtype, emulate::emulated_backend());
    }
  }
  static bool ran(const std::string& stem) {
    return std::any_of(gpu().launched.begin(), gpu().launched.end(),
                       [&](const std::string& kernel) { return kernel.starts_with(stem); });
  }
};
class CudnnAttention : public CudaAttention {};

// Where the library has no engine, the own kernels do what they take.
TEST_P(CudaAttention, IsThatOfTheReference) {
  gpu().refuse_attention(true);
  compare(true);
  EXPECT_TRUE(ran("attention_forward"));
  EXPECT_TRUE(ran("attention_gradient_kv"));
}

// Masks of every shape that broadcasts; with -inf, a large number, or nothing for a whole row.
TEST(CudaAttentionMask, IsThatOfTheReference) {
  const Shape shapes[] = {{2, 1, 1, 90}, {90}, {70, 1}, {2, 3, 70, 90}, {3, 1, 90}};
  for (const bool of_bool : {false, true}) {
    for (const Shape& shape : shapes) {
      for (const bool causal : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", of_bool, to_string(shape), causal));
        OpCase c{"",
                 {real({2, 3, 70, 64}), real({2, 3, 90, 64}), real({2, 3, 90, 64}), real(shape)},
                 [=](const Tensors& x) -> Tensors {
                   const Tensor m = cast(x[3], wide(x[0].dtype()));
                   const Tensor floats = select(m > 0.5, -INFINITY, select(m < -0.5, -3e38, m));
                   const Attention out = attention_with_logsumexp(
                       x[0], x[1], x[2], {.causal = causal}, {.mask = of_bool ? m > 0.0 : floats});
                   return {out.y,
                           select(is_finite(out.logsumexp), maximum(out.logsumexp, -100.0), 0.0)};
                 }};
        c.checks = {.gradient = false, .tolerance = 3};
        emulate::emulated_gpu().launched.clear();
        compare_floats(c, DType::bf16, emulate::emulated_backend());
        const auto& launched = emulate::emulated_gpu().launched;
        EXPECT_TRUE(
            std::count(launched.begin(), launched.end(), "attention_forward_masked_bf16_64"));
      }
    }
  }
}

TEST_P(CudnnAttention, IsThatOfTheReference) {
  compare(true);
  gpu().launched.clear();
  compare(false);
  EXPECT_TRUE(ran("attention"));
  EXPECT_TRUE(ran("attention gradient"));
  EXPECT_FALSE(ran("attention_"));
}

// What cuDNN would take beside its operands is not there, where kernels are measured.
TEST(CudaAttentionMemory, IsNotSpentWhereThereIsNone) {
  emulate::EmulatedGpu& gpu = emulate::emulated_gpu();
  gpu.launched.clear();
  gpu.limit_memory(size_t{7} << 20);
  compare_floats(attention_case({1, 2, 2, 95, 95, 64, true, false}, false), DType::bf16,
                 emulate::emulated_backend());
  gpu.limit_memory(SIZE_MAX);
  EXPECT_NE(std::find(gpu.launched.begin(), gpu.launched.end(), "attention_gradient_kv_bf16_64"),
            gpu.launched.end());
  EXPECT_EQ(std::find(gpu.launched.begin(), gpu.launched.end(), "attention gradient"),
            gpu.launched.end());
}

// Of the gradients only one is wanted: the others have no memory of their own to the end.
TEST(CudaAttentionGradient, OfQueriesAlone) {
  Graph graph;
  for (int i = 0; i < 3; ++i) {
    graph.inputs.push_back(make_input(Type(DType::bf16, {1, 2, 70, 32}), ""));
  }
  const auto& x = graph.inputs;
  const Tensor y = attention(x[0], x[1], x[2], {.causal = true});
  graph.outputs = gradients(sum(y * y), Tensors{x[0]});
  const OpCase c = attention_case({1, 2, 2, 70, 70, 32, true, false});
  const auto inputs = make_inputs(c, DType::bf16);
  const auto want = Runner(graph, reference_backend()).run(inputs);
  const auto got = Runner(graph, emulate::emulated_backend()).run(inputs);
  expect_close(numbers(got[0]), numbers(want[0]), 3 * tolerance_of(DType::bf16), "gq");
}

INSTANTIATE_TEST_SUITE_P(All, CudaAttention,
                         testing::Values(Sizes{1, 1, 1, 64, 64, 64, false, false},
                                         Sizes{2, 2, 1, 70, 90, 32, false, false},
                                         Sizes{1, 2, 2, 100, 100, 64, true, true},
                                         Sizes{1, 4, 2, 30, 150, 128, true, false},
                                         Sizes{1, 1, 1, 90, 40, 32, true, false},
                                         Sizes{1, 1, 1, 520, 70, 32, false, true}));
INSTANTIATE_TEST_SUITE_P(All, CudnnAttention,
                         testing::Values(Sizes{1, 1, 1, 40, 40, 64, false, false},
                                         Sizes{2, 2, 1, 20, 30, 40, false, true},
                                         Sizes{1, 2, 2, 30, 30, 64, true, true},
                                         Sizes{1, 4, 2, 10, 25, 8, true, false},
                                         Sizes{2, 3, 1, 1, 9, 16, true, false}));

}  // namespace
}  // namespace suan
