// GELU in training as products' epilogues: fused, refused by the library and on the CPU it is the
// same, and checkpoints keep the bits. On the emulated GPU. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "suan/autodiff/checkpoint.h"
#include "suan/autodiff/gradient.h"
#include "suan/base/random.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/program/explain.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/emulate/emulated_gpu.h"

namespace suan {
namespace {

using Tensors = std::vector<Tensor>;

Tensor randoms(const Shape& shape, uint64_t seed, float scale) {
  Array a(DType::f32, shape);
  Random random(seed);
  for (float& v : a.span<float>()) v = scale * random.normal();
  return Tensor::from(a);
}

// Two layers with GELU between them: the result and the gradients of its square.
struct Layers {
  Arithmetic precision = Arithmetic::f32;
  bool biased = false;
  bool saves_memory = false;
  int64_t width = 32;

  CompiledFunction compiled() const {
    return CompiledFunction(
        [*this](const Tensors& in) {
          const auto block = [&](const Tensor& x) {
            return linear(gelu_tanh(linear(x, in[1], biased ? in[3] : Tensor())), in[2]);
          };
          const Tensor y = saves_memory ? checkpoint(block)(in[0]) : block(in[0]);
          Tensors all = gradients(sum(y * y), in);
          all.push_back(y);
          return all;
        },
        {.precision = precision});
  }
  Tensors inputs() const {
    Tensors in{randoms({2, 12, 24}, 1, 1), randoms({width, 24}, 2, 0.3F),
               randoms({16, width}, 3, 0.3F)};
    if (biased) in.push_back(randoms({width}, 4, 1));
    return in;
  }
  std::vector<Array> run() const {
    CompiledFunction step = compiled();
    std::vector<Array> results;
    for (const Tensor& t : step(inputs())) results.push_back(cast(t, DType::f32).array());
    return results;
  }
};

void expect_close(const std::vector<Array>& got, const std::vector<Array>& want, double part) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    float most = 0;
    for (const float v : want[i].span<float>()) most = std::max(most, std::abs(v));
    for (int64_t k = 0; k < want[i].numel(); ++k) {
      ASSERT_NEAR(got[i].as<float>()[k], want[i].as<float>()[k], part * most) << i << ' ' << k;
    }
  }
}
void expect_equal(const std::vector<Array>& got, const std::vector<Array>& want) {
  expect_close(got, want, 0);
}

class CudaEpilogue : public testing::Test {
 protected:
  void SetUp() override { set_backend(emulate::emulated_backend()); }
  void TearDown() override { set_backend("cpu"); }

  // How often an op stands in a region that a product computes, and elsewhere.
  struct Count {
    int fused = 0, apart = 0;
    bool operator==(const Count&) const = default;
  };
  static Count count(const Layers& layers, Op op) {
    CompiledFunction step = layers.compiled();
    Count count;
    for (const PlannedStep& planned : step.program(layers.inputs())->plan().steps) {
      if (!planned.kernel) continue;
      int& place = planned.kernel->name == std::string("cublas") ? count.fused : count.apart;
      place += is(*planned.node, op);
      for (const auto& region : planned.node->regions) {
        for (const NodePtr& inner : region->nodes()) place += is(*inner, op);
      }
    }
    return count;
  }
};

TEST_F(CudaEpilogue, ProductsComputeGeluAndItsGradient) {
  for (const bool biased : {false, true}) {
    const Layers layers{.precision = Arithmetic::bf16, .biased = biased};
    EXPECT_EQ(count(layers, Op::gelu_tanh), (Count{1, 0}));
    EXPECT_EQ(count(layers, Op::gelu_tanh_gradient), (Count{1, 0}));
    const auto got = layers.run();
    set_backend("cpu");
    expect_close(got, layers.run(), 0.02);
    set_backend(emulate::emulated_backend());
  }
}

TEST_F(CudaEpilogue, InF32TheGradientIsAKernelOfItsOwn) {
  for (const bool biased : {false, true}) {
    const Layers layers{.biased = biased};
    EXPECT_EQ(count(layers, Op::gelu_tanh), (Count{1, 0}));
    EXPECT_EQ(count(layers, Op::gelu_tanh_gradient), (Count{0, 1}));
    const auto got = layers.run();
    set_backend("cpu");
    expect_close(got, layers.run(), 1e-5);
    set_backend(emulate::emulated_backend());
  }
}

TEST_F(CudaEpilogue, RowsThatAreNoMultipleOfEightStayApart) {
  const Layers layers{.precision = Arithmetic::bf16, .width = 36};
  EXPECT_EQ(count(layers, Op::gelu_tanh), (Count{0, 1}));
  EXPECT_EQ(count(layers, Op::gelu_tanh_gradient), (Count{0, 1}));
}

TEST_F(CudaEpilogue, WhatTheLibraryRefusesIsAKernelOfItsOwn) {
  for (const Arithmetic precision : {Arithmetic::f32, Arithmetic::bf16}) {
    for (const bool biased : {false, true}) {
      const Layers layers{.precision = precision, .biased = biased};
      const auto want = layers.run();
      emulate::emulated_gpu().refuse_epilogues(true);
      const auto got = layers.run();
      emulate::emulated_gpu().refuse_epilogues(false);
      expect_close(got, want, precision == Arithmetic::f32 ? 1e-5 : 0.02);
    }
  }
}

// In the first computation nobody reads the value before GELU, in the second the gradient does.
TEST_F(CudaEpilogue, CheckpointsKeepTheBits) {
  for (const Arithmetic precision : {Arithmetic::f32, Arithmetic::bf16}) {
    Layers layers{.precision = precision, .biased = true};
    const auto want = layers.run();
    layers.saves_memory = true;
    EXPECT_EQ(count(layers, Op::gelu_tanh), (Count{2, 0}));
    expect_equal(layers.run(), want);
  }
}

}  // namespace
}  // namespace suan
