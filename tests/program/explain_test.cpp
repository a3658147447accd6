// What is said about a program.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/tensor/compile.h"

namespace suan {
namespace {

TEST(Explain, ListsStepsWithKernelsAndRefusals) {
  auto f = compile([](const Tensor& a, const Tensor& b) { return relu(matmul(a, b)); });
  const Tensor a = Tensor::from(Array(DType::f32, {64, 32}));
  const Tensor b = Tensor::from(Array(DType::f32, {32, 16}));
  const auto program = f.program(a, b);
  const std::vector<StepInfo> steps = explain_steps(*program);
  ASSERT_FALSE(steps.empty());
  EXPECT_EQ(steps[0].what, "matmul");
  EXPECT_EQ(steps[0].type, "f32[64, 16]");
  EXPECT_EQ(steps[0].flops, 2.0 * 64 * 32 * 16);
  EXPECT_EQ(steps[0].bytes, 4.0 * (64 * 32 + 32 * 16 + 64 * 16));
  EXPECT_FALSE(steps[0].kernel.empty());
  const std::string text = explain(*program, true);
  EXPECT_THAT(text, testing::HasSubstr("matmul"));
  for (const std::string& refusal : steps[0].refused) {
    EXPECT_THAT(text, testing::HasSubstr("not " + refusal));
  }
  EXPECT_EQ(measure_size(*program).steps, static_cast<int64_t>(steps.size()));
}

TEST(Explain, PrintsSizesForPeople) {
  EXPECT_EQ(bytes_text(512), "0.5 kB");
  EXPECT_EQ(bytes_text(2.5e6), "2.5 MB");
  EXPECT_EQ(bytes_text(3e9), "3.00 GB");
}

}  // namespace
}  // namespace suan
