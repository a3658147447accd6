// The measured peaks are of the right size.
// SPDX-License-Identifier: Apache-2.0
#include "suan/target/machine.h"

#include <gtest/gtest.h>

#include "suan/base/threads.h"

namespace suan {
namespace {

TEST(Machine, NamesItsProcessor) { EXPECT_NE(cpu_model(), ""); }

TEST(Machine, PeaksAreThoseOfAProcessor) {
  const double f32 = measure_arithmetic(DType::f32, 0.05) / num_threads();
  EXPECT_GT(f32, 0.1);   // GFLOP/s of a core; sanitizers and busy machines are slow
  EXPECT_LT(f32, 1000);  // no core does more: the loop was optimised away
  EXPECT_GT(measure_arithmetic(DType::bf16, 0.05), 0.1);
  EXPECT_GT(measure_arithmetic(DType::i8, 0.05), 0.1);
  EXPECT_GT(measure_copy(size_t{8} << 20), 0.01);
}

}  // namespace
}  // namespace suan
