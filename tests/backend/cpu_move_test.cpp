// The cpu kernels that move or make elements give the reference's bits, at sizes that reach their
// tiles and their threads.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/concat.h"
#include "suan/ops/leaf.h"
#include "suan/ops/random.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "tests/backend/compare.h"

namespace suan {
namespace {

constexpr DType kDTypes[] = {DType::f64, DType::f32, DType::bf16, DType::i8};

template <class F>
void expect_moved(const std::vector<Shape>& shapes, const F& f) {
  for (DType dtype : kDTypes) {
    std::vector<Type> types;
    for (const Shape& s : shapes) types.emplace_back(dtype, s);
    const Trial t = trial(types, [&](const std::vector<Tensor>& x) { return std::vector{f(x)}; });
    EXPECT_EQ(kernels_of(t.graph), "cpu_move");
    expect_same(t.graph, t.inputs, 0);
  }
}

TEST(CpuMove, TransposesAnyPermutationOfAnySize) {
  const std::pair<Shape, std::vector<int64_t>> cases[] = {{{3, 5}, {1, 0}},
                                                          {{257, 130}, {1, 0}},
                                                          {{2, 8, 33, 17}, {0, 2, 1, 3}},
                                                          {{3, 4, 65, 9}, {3, 1, 0, 2}},
                                                          {{1000, 3}, {1, 0}},
                                                          {{3, 1000}, {1, 0}},
                                                          {{2, 3, 4, 5, 6}, {4, 3, 2, 1, 0}},
                                                          {{16, 1, 40, 2}, {2, 1, 3, 0}}};
  for (const auto& [shape, axes] : cases) {
    expect_moved({shape}, [&](const auto& x) { return transpose(x[0], axes); });
  }
}

TEST(CpuMove, BroadcastsAlongAnyAxes) {
  const std::pair<Shape, Shape> cases[] = {{{7}, {300, 7}},
                                           {{300, 1}, {300, 70}},
                                           {{1, 5, 1}, {9, 5, 33}},
                                           {{4, 1, 6, 1}, {4, 3, 6, 5}},
                                           {{}, {40000}}};
  for (const auto& [from, to] : cases) {
    expect_moved({from}, [&](const auto& x) { return broadcast_to(x[0], to); });
  }
}

TEST(CpuMove, SlicesAndPlacesWithAnySteps) {
  expect_moved({{40, 50, 60}}, [](const auto& x) {
    return slice(x[0], {3, 49, 1}, {37, 0, 59}, {0, 1, 2}, {2, -3, 1});
  });
  expect_moved({{9, 200}}, [](const auto& x) { return flip(x[0], {1}); });
  expect_moved({{5, 7, 30}},
               [](const auto& x) { return place(x[0], {{1, 20, 0}, {2, -3, 1}, {12, 21, 33}}); });
}

TEST(CpuMove, ConcatenatesAlongAnyAxis) {
  for (int64_t axis : {0, 1, 2}) {
    Shape b{30, 40, 50};
    b[static_cast<int>(axis)] = 7;
    expect_moved({{30, 40, 50}, b}, [&](const auto& x) { return concat({x[0], x[1]}, axis); });
  }
}

TEST(CpuFill, GivesTheReferencesRandomBits) {
  for (int64_t n : {1, 3, 4, 31, 64, 1001, 100003}) {
    Trial t = trial({{DType::i64, {2}}}, [&](const std::vector<Tensor>& x) {
      return std::vector{random_uniform(x[0], {n})};
    });
    EXPECT_EQ(kernels_of(t.graph), "cpu_philox");
    t.inputs[0].as<int64_t>()[0] = 0x123456789abcdef;
    t.inputs[0].as<int64_t>()[1] = -5;
    expect_same(t.graph, t.inputs, 0);
  }
}

TEST(CpuFill, FillsEveryDtype) {
  for (int d = 0; d < kNumDTypes; ++d) {
    const Trial t = trial({}, [&](const std::vector<Tensor>&) {
      return std::vector{full(3, {123, 321}, static_cast<DType>(d))};
    });
    expect_same(t.graph, {}, 0);
  }
}

}  // namespace
}  // namespace suan
