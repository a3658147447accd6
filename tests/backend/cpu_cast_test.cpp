// Conversions between all dtypes that compute give the reference's bits, at their limits too.
// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "suan/ops/elementwise.h"
#include "tests/backend/compare.h"

namespace suan {
namespace {

Array hard_numbers(int64_t count) {
  const double inf = std::numeric_limits<double>::infinity();
  const double list[] = {0,          -0.0,   1,      -1,       0.5,   -0.5,   1.5,    127,
                         128,        255,    256,    -128,     -129,  32767,  32768,  65535,
                         65536,      -32769, 3.99e9, 4.3e9,    2.2e9, -2.2e9, 1e19,   -1e19,
                         2147483647, 1e20,   -1e20,  inf,      -inf,  1e300,  -1e300, 1e-300,
                         4294967295, 254.5,  -7.9,   inf - inf};
  Array x(DType::f64, {count});
  for (int64_t i = 0; i < count; ++i) x.as<double>()[i] = list[i % std::ssize(list)];
  return x;
}

TEST(CpuCast, ConvertsBetweenAllDTypes) {
  for (int from = 0; from < kNumArithmeticDTypes; ++from) {
    Trial t = trial({Type(DType::f64, {40000})}, [&](const std::vector<Tensor>& x) {
      std::vector<Tensor> out;
      for (int to = 0; to < kNumArithmeticDTypes; ++to) {
        out.push_back(cast(cast(x[0], static_cast<DType>(from)), static_cast<DType>(to)));
      }
      return out;
    });
    t.inputs = {hard_numbers(40000)};
    expect_same(t.graph, t.inputs, 0);
  }
}

TEST(CpuCast, TakesWhatTheTilesDoNot) {
  const auto kernel = [](DType from, DType to) {
    const Trial t = trial({Type(from, {100})}, [&](const std::vector<Tensor>& x) {
      return std::vector{cast(x[0], to)};
    });
    return kernels_of(t.graph);
  };
  EXPECT_EQ(kernel(DType::f32, DType::u8), "cpu_cast");
  EXPECT_EQ(kernel(DType::i64, DType::f32), "cpu_cast");
  EXPECT_EQ(kernel(DType::f32, DType::bf16), "cpu_tiles");
  EXPECT_EQ(kernel(DType::f32, DType::f8e5m2), "reference_cast");
}

}  // namespace
}  // namespace suan
