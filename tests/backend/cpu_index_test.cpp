// Gather and scatter give the reference's bits, at sizes that more than one thread shares.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/threads.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "tests/backend/compare.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

struct Case {
  Shape x;
  int64_t axis, count;
};
const Case kCases[] = {{{65, 128}, 0, 768}, {{300, 3}, 0, 9000}, {{7, 50, 4}, 1, 333},
                       {{40, 500}, 1, 900}, {{30000}, 0, 50000}, {{5, 1, 33}, 1, 70}};

Shape gathered(const Case& c) {
  Shape y = c.x;
  y[static_cast<int>(c.axis)] = c.count;
  return y;
}
void draw_indices(Array& indices, int64_t size) {
  Random random(3);
  for (int64_t i = 0; i < indices.numel(); ++i) {
    const int64_t at = random.randint(-size, size);
    if (indices.dtype == DType::i64) indices.as<int64_t>()[i] = at;
    if (indices.dtype == DType::i32) indices.as<int32_t>()[i] = static_cast<int32_t>(at);
  }
}

TEST(CpuIndex, GathersRowsOfEveryDtype) {
  for (const Case& c : kCases) {
    for (DType dtype : {DType::f32, DType::bf16, DType::i64, DType::u8}) {
      for (DType index : {DType::i64, DType::i32}) {
        Trial t = trial({{dtype, c.x}, {index, {c.count}}}, [&](const std::vector<Tensor>& x) {
          return std::vector{gather(x[0], x[1], c.axis)};
        });
        EXPECT_EQ(kernels_of(t.graph), "cpu_gather");
        draw_indices(t.inputs[1], c.x[static_cast<int>(c.axis)]);
        expect_same(t.graph, t.inputs, 0);
      }
    }
  }
}

TEST(CpuIndex, ScattersTheSameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const Case& c : kCases) {
    for (DType dtype : {DType::f64, DType::f32, DType::bf16, DType::f16, DType::i32, DType::u8}) {
      for (Combine combine :
           {Combine::set, Combine::add, Combine::mul, Combine::max, Combine::min}) {
        Trial t = trial({{dtype, c.x}, {DType::i64, {c.count}}, {dtype, gathered(c)}},
                        [&](const std::vector<Tensor>& x) {
                          return std::vector{scatter(x[0], x[1], x[2], c.axis, combine)};
                        });
        EXPECT_EQ(kernels_of(t.graph), "cpu_scatter");
        draw_indices(t.inputs[1], c.x[static_cast<int>(c.axis)]);
        for (int threads : {1, 3}) {
          set_num_threads(threads);
          expect_same(t.graph, t.inputs, 0);
        }
      }
    }
  }
  set_num_threads(before);
}

TEST(CpuIndex, ReportsTheFirstIndexOutOfRange) {
  Trial t = trial({{DType::f32, {5, 2}}, {DType::i64, {3}}},
                  [](const std::vector<Tensor>& x) { return std::vector{gather(x[0], x[1])}; });
  t.inputs[1] = Array::of<int64_t>(std::vector<int64_t>{4, -6, 5}, {3});
  EXPECT_ERROR(run_on(cpu_backend(), t.graph, t.inputs), kOutOfRange,
               "gather: index -6 at position 1 is outside [-5, 5)");
}

// What a faulty step did not write is not read: it need not be bool.
TEST(CpuIndex, EndsTheRunAtTheFirstFault) {
  Trial t = trial({{DType::f32, {4}}, {DType::i64, {2}}}, [](const std::vector<Tensor>& x) {
    return std::vector{cast(gather(x[0] > 0.0, x[1], 0), DType::i64)};
  });
  t.inputs[1].as<int64_t>()[0] = 4;
  RunContext context(Program::build(t.graph, reference_backend()));
  std::vector<double> seconds;
  context.profile = &seconds;
  const std::vector<BufferPtr> blocks{t.inputs[0].buffer, t.inputs[1].buffer};
  EXPECT_THROW(context.run(blocks), Error);
  ASSERT_GT(seconds.size(), 1);
  EXPECT_EQ(seconds.back(), 0);
}

}  // namespace
}  // namespace suan
