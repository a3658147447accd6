// Winograd's convolution against the reference.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/target/machine.h"
#include "tests/backend/compare.h"
#include "tests/reproducible.h"

namespace suan {
namespace {

Tensor weights(const Shape& shape, uint64_t seed) {
  return random_constant({DType::f32, shape}, seed);
}

struct Sizes {
  int64_t images, c, height, width, out;
  ConvAttrs attrs;
};
// Tiles at edges, padding on some sides, channels beyond a block and a panel, one image and many.
const Sizes kCases[] = {{1, 32, 12, 12, 32, {}},
                        {1, 32, 13, 15, 64, {.pad_begin = {1, 1}, .pad_end = {1, 1}}},
                        {2, 48, 9, 14, 80, {.pad_begin = {1, 0}, .pad_end = {0, 1}}},
                        {3, 144, 8, 7, 160, {.pad_begin = {1, 1}, .pad_end = {1, 1}}},
                        {1, 32, 41, 40, 48, {.pad_begin = {2, 3}, .pad_end = {0, 2}}},
                        {8, 272, 7, 7, 256, {.pad_begin = {1, 1}, .pad_end = {1, 1}}}};

template <class F>
void expect_winograd(const F& follow) {
  if (isa_flags().find("avx512f") == std::string::npos) return;  // others have no blocked layout
  const Reproducible in_order;
  for (const Sizes& z : kCases) {
    SCOPED_TRACE(z.out);
    const Tensor w = weights({z.out, z.c, 3, 3}, 7), bias = weights({z.out}, 8);
    const Type image(DType::f32, {z.images, z.c, z.height, z.width});
    const Shape out = conv(make_input(image, "x"), w, bias, z.attrs).shape();
    const Trial t = trial({image, {DType::f32, out}}, [&](const std::vector<Tensor>& x) {
      return std::vector{follow(x[0], w, bias, z.attrs, x[1])};
    });
    EXPECT_THAT(kernels_of(t.graph), testing::HasSubstr("cpu_winograd"));
    expect_same(t.graph, t.inputs, 5e-6);
  }
}

TEST(CpuWinograd, Convolves) {
  expect_winograd([](const Tensor& x, const Tensor& w, const Tensor&, const ConvAttrs& a,
                     const Tensor&) { return conv(x, w, {}, a); });
}
TEST(CpuWinograd, AddsTheBiasAndCutsOff) {
  expect_winograd([](const Tensor& x, const Tensor& w, const Tensor& b, const ConvAttrs& a,
                     const Tensor&) { return relu(conv(x, w, b, a)); });
}
TEST(CpuWinograd, AddsAnotherValue) {
  expect_winograd([](const Tensor& x, const Tensor& w, const Tensor& b, const ConvAttrs& a,
                     const Tensor& r) { return relu(conv(x, w, b, a) + r); });
}

// A layout of single pixels is a view of what the caller gave, which is aligned as floats are.
TEST(CpuWinograd, TakesMemoryOfTheCaller) {
  if (isa_flags().find("avx512f") == std::string::npos) return;
  const Reproducible in_order;
  const Tensor w = weights({32, 32, 3, 3}, 7);
  const ConvAttrs same{.pad_begin = {1, 1}, .pad_end = {1, 1}};
  const Trial t = trial({{DType::f32, {8, 32, 1, 1}}}, [&](const std::vector<Tensor>& x) {
    return std::vector{relu(conv(x[0], w, {}, same))};
  });
  const ProgramPtr program = Program::build(t.graph, cpu_backend());
  EXPECT_THAT(kernels_of(t.graph), testing::HasSubstr("cpu_winograd"));
  std::vector<float> in(8 * 32 + 32), out(8 * 32 + 32);
  const auto odd = [](std::vector<float>& block) {  // 4 bytes after a multiple of 64
    const auto at = reinterpret_cast<uintptr_t>(block.data());
    return block.data() + ((64 - at % 64) % 64) / 4 + 1;
  };
  float *x = odd(in), *y = odd(out);
  std::copy_n(t.inputs[0].as<float>(), 8 * 32, x);
  void *inputs[] = {x}, *outputs[] = {y};
  RunContext(program).run_on(inputs, outputs);
  const auto want = run_on(reference_backend(), t.graph, t.inputs);
  for (int64_t i = 0; i < 8 * 32; ++i) EXPECT_NEAR(y[i], want[0].as<float>()[i], 1e-4);
}

TEST(CpuWinograd, IsLeftOutInExactMode) {
  const Tensor w = weights({32, 32, 3, 3}, 7);
  const Trial t = trial({{DType::f32, {1, 32, 12, 12}}},
                        [&](const std::vector<Tensor>& x) { return std::vector{conv(x[0], w)}; });
  set_exact_mode(true);
  const std::string kernels = kernels_of(t.graph);
  set_exact_mode(false);
  EXPECT_THAT(kernels, testing::Not(testing::HasSubstr("winograd")));
}

}  // namespace
}  // namespace suan
