// Products and convolutions by panels, with all that may follow them, against the reference.
// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/target/machine.h"
#include "tests/backend/compare.h"
#include "tests/reproducible.h"

namespace suan {
namespace {

Tensor weights(DType dtype, const Shape& shape, uint64_t seed) {
  return random_constant({dtype, shape}, seed);
}

// What follows a result y; r is as large, b has one number for each channel.
using Follow = std::function<Tensor(const Tensor& y, const Tensor& r, const Tensor& b)>;
const std::vector<Follow>& tails() {
  static const std::vector<Follow> all{
      [](const Tensor& y, const Tensor&, const Tensor&) { return relu(y); },
      [](const Tensor& y, const Tensor&, const Tensor& b) { return relu(y + b); },
      [](const Tensor& y, const Tensor& r, const Tensor& b) { return relu(r + (y + b)); },
      [](const Tensor& y, const Tensor& r, const Tensor& b) { return (y * b + r) * 0.5; },
      [](const Tensor& y, const Tensor&, const Tensor& b) { return hard_swish(1.0 - y * b); }};
  return all;
}

// Without AVX-512 BF16 other kernels take bf16.
void expect_panels(const Trial& t, DType dtype) {
  const Reproducible in_order;
  const bool bf16 = dtype == DType::bf16;
  if (bf16 && isa_flags().find("avx512_bf16") == std::string::npos) return;
  EXPECT_THAT(kernels_of(t.graph), testing::ContainsRegex("cpu_(padded_)?panels"));
  expect_same(t.graph, t.inputs, bf16 ? 2e-2 : 2e-6);
}

TEST(CpuPanels, MultiplyMatricesOfAnySize) {
  struct Sizes {
    int64_t m, k, n;
  };
  const Sizes cases[] = {{1, 1, 2},     {5, 16, 64},    {6, 17, 40},  {7, 300, 130},
                         {145, 33, 65}, {300, 130, 96}, {2, 128, 16}, {64, 129, 257}};
  for (const Sizes& z : cases) {
    for (bool transposed : {false, true}) {
      for (size_t i = 0; i < 2 * tails().size(); ++i) {
        const Follow& follow = tails()[i / 2];
        const DType dtype = i % 2 == 0 ? DType::f32 : DType::bf16;
        if (dtype == DType::bf16 && z.k % 2 != 0) continue;  // pairs
        const Tensor w = weights(dtype, transposed ? Shape{z.n, z.k} : Shape{z.k, z.n}, 7);
        const Tensor b = weights(dtype, {z.n}, 8);
        SCOPED_TRACE(z.m);
        expect_panels(trial({{dtype, {z.m, z.k}}, {dtype, {z.m, z.n}}},
                            [&](const std::vector<Tensor>& x) {
                              const Tensor y = matmul(x[0], w, false, transposed);
                              return std::vector{follow(y, x[1], b)};
                            }),
                      dtype);
      }
    }
  }
}

TEST(CpuPanels, MultiplyAStackOfMatricesAsOne) {
  const Tensor w = weights(DType::f32, {20, 48}, 7), b = weights(DType::f32, {48}, 8);
  expect_panels(
      trial({{DType::f32, {3, 5, 20}}},
            [&](const std::vector<Tensor>& x) { return std::vector{gelu(matmul(x[0], w) + b)}; }),
      DType::f32);
}

TEST(CpuPanels, ConvolveImages) {
  if (isa_flags().find("avx512f") == std::string::npos) return;  // data is in plain layout
  struct Sizes {
    int64_t images, c, height, width, out, kernel_h, kernel_w;
    ConvAttrs attrs;
  };
  const ConvAttrs same{.pad_begin = {1, 1}, .pad_end = {1, 1}};
  const Sizes cases[] = {
      {1, 16, 7, 7, 16, 1, 1, {}},
      {2, 32, 9, 5, 80, 1, 1, {.stride = {2, 2}}},
      {3, 16, 13, 14, 64, 3, 3, same},
      {1, 48, 15, 15, 144, 3, 3, {.stride = {2, 2}, .pad_begin = {1, 1}, .pad_end = {1, 1}}},
      {1, 16, 11, 9, 32, 5, 2, {.pad_begin = {2, 0}, .pad_end = {0, 3}, .dilation = {2, 1}}},
      {2, 24, 8, 8, 40, 1, 1, {}},
      {2, 20, 8, 6, 33, 3, 3, same},
      {1, 160, 20, 20, 16, 1, 1, {}},
      {1, 16, 4, 4, 16, 4, 4, {.stride = {3, 3}}},
      {1, 16, 3, 3, 16, 2, 2, {.stride = {9, 9}, .pad_begin = {5, 6}, .pad_end = {0, 0}}}};
  for (const Sizes& z : cases) {
    for (size_t i = 0; i < 2 * tails().size(); ++i) {
      const Follow& follow = tails()[i / 2];
      const DType dtype = i % 2 == 0 ? DType::f32 : DType::bf16;
      const Tensor w = weights(dtype, {z.out, z.c, z.kernel_h, z.kernel_w}, 7);
      const Tensor bias = weights(dtype, {z.out}, 6), b = weights(dtype, {z.out, 1, 1}, 8);
      const Type image(dtype, {z.images, z.c, z.height, z.width});
      const Shape out = conv(make_input(image, "x"), w, bias, z.attrs).shape();
      SCOPED_TRACE(z.out);
      expect_panels(trial({image, {dtype, out}},
                          [&](const std::vector<Tensor>& x) {
                            return std::vector{follow(conv(x[0], w, bias, z.attrs), x[1], b)};
                          }),
                    dtype);
    }
  }
}

// Weights lie packed, so they cannot be what is added too.
TEST(CpuPanels, DoNotReadPackedWeightsAsAnOperand) {
  const Reproducible in_order;
  const Tensor w = weights(DType::f32, {96, 96}, 7), odd = weights(DType::bf16, {97, 97}, 7);
  const Trial t =
      trial({{DType::f32, {96, 96}}, {DType::bf16, {97, 97}}}, [&](const std::vector<Tensor>& x) {
        return std::vector{relu(matmul(x[0], w) + w), matmul(x[1], odd) + odd};
      });
  expect_same(t.graph, t.inputs, 2e-2);
}

TEST(CpuPanels, WriteNoPaddingOutThatIsMostOfWhatIsRead) {
  const Reproducible in_order;
  const Tensor w = weights(DType::f32, {16, 16, 2, 2}, 7);
  const Trial t = trial({{DType::f32, {1, 16, 8, 8}}}, [&](const std::vector<Tensor>& x) {
    return std::vector{
        conv(x[0], w, {}, {.pad_begin = {9000, 0}, .pad_end = {0, 1}, .dilation = {9000, 1}})};
  });
  EXPECT_THAT(kernels_of(t.graph), testing::Not(testing::HasSubstr("panels")));
  expect_same(t.graph, t.inputs, 2e-6);
}

TEST(CpuPanels, WriteOverWhatIsAdded) {
  const Tensor w = weights(DType::f32, {64, 64}, 7);
  expect_panels(trial({{DType::f32, {40, 64}}},
                      [&](const std::vector<Tensor>& x) {
                        const Tensor r = exp(x[0] * 0.1);  // dies in the region, as may x
                        return std::vector{relu(matmul(r, w) + r), matmul(tanh(r), w) + r};
                      }),
                DType::f32);
}

}  // namespace
}  // namespace suan
