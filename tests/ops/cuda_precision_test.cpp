// What TF32 and FP8 do to results, on the emulated GPU: its products round operands as a real one
// does. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "suan/backend/cuda/source.h"
#include "suan/base/random.h"
#include "suan/base/small_types.h"
#include "suan/graph/graph.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/scaled_matmul.h"
#include "suan/program/explain.h"
#include "suan/program/program.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

using Build = std::function<Tensor(const Tensor&, const Tensor&)>;

Array normal(const Shape& shape, uint64_t seed) {
  Random random(seed);
  Array array(DType::f32, shape);
  for (float& v : array.span<float>()) v = random.normal();
  return array;
}

struct Ran {
  ProgramPtr program;
  std::vector<double> result;
  bool has(std::string_view kernel) const {
    const auto& steps = program->plan().steps;
    return std::any_of(steps.begin(), steps.end(), [&](const PlannedStep& step) {
      return step.kernel && step.kernel->name == kernel;
    });
  }
};

Ran run(const Build& build, const Array& a, const Array& b, const Backend& backend,
        Arithmetic precision) {
  Graph graph;
  graph.inputs = {make_input(Type(a.dtype, a.shape), "a"), make_input(Type(b.dtype, b.shape), "b")};
  graph.outputs = {build(graph.inputs[0], graph.inputs[1])};
  Ran ran{Program::build(graph, backend, {.precision = precision}), {}};
  const std::vector<BufferPtr> blocks{a.buffer, b.buffer};
  const Type& type = graph.outputs[0].type();
  ran.result = numbers({type.dtype, type.shape, RunContext(ran.program).run(blocks)[0]});
  return ran;
}

// The largest difference, relative to the largest element.
double apart(const Ran& x, const Ran& y) {
  double most = 0, largest = 0;
  for (size_t i = 0; i < x.result.size(); ++i) {
    most = std::max(most, std::abs(x.result[i] - y.result[i]));
    largest = std::max(largest, std::abs(y.result[i]));
  }
  return most / largest;
}

const Backend& gpu() { return emulate::emulated_backend(); }

TEST(Tf32, RoundsOperandsOfProductsAndConvolutionsThatNeedNotBeExact) {
  const Array a = normal({1, 3, 6, 6}, 1), w = normal({4, 3, 3, 3}, 2), b = normal({6, 5}, 3);
  for (const bool exact : {false, true}) {
    const Build product = [=](const Tensor& x, const Tensor& y) {
      return matmul(x, y, {.exact = exact});
    };
    const Build convolution = [=](const Tensor& x, const Tensor& y) {
      return conv(x, y, {}, {.exact = exact});
    };
    const double rounding = apart(run(product, a, b, gpu(), Arithmetic::tf32),
                                  run(product, a, b, gpu(), Arithmetic::f32));
    const double of_filters = apart(run(convolution, a, w, gpu(), Arithmetic::tf32),
                                    run(convolution, a, w, gpu(), Arithmetic::f32));
    for (const double got : {rounding, of_filters}) {
      if (exact) {
        EXPECT_EQ(got, 0);
      } else {
        EXPECT_GT(got, 1e-5);
        EXPECT_LT(got, 1e-3);
      }
    }
  }
}

TEST(Tf32, IsF32OnACpu) {
  const Array a = normal({8, 8}, 1), b = normal({8, 8}, 2);
  const Build product = [](const Tensor& x, const Tensor& y) { return matmul(x, y); };
  EXPECT_EQ(run(product, a, b, cpu_backend(), Arithmetic::tf32).result,
            run(product, a, b, cpu_backend(), Arithmetic::f32).result);
}

const Build kLayer = [](const Tensor& x, const Tensor& w) { return relu(matmul(x, w)) * 2.0; };

TEST(Fp8, MultipliesTheSameNumbersOnAllDevices) {
  const Array x = normal({64, 96}, 1), w = normal({96, 80}, 2);
  const Ran on_gpu = run(kLayer, x, w, gpu(), Arithmetic::fp8);
  const Ran on_cpu = run(kLayer, x, w, cpu_backend(), Arithmetic::fp8);
  EXPECT_TRUE(on_gpu.has("cublas_fp8"));
  for (const PlannedStep& step : on_gpu.program->plan().steps) {
    EXPECT_TRUE(!step.kernel || step.on_device) << step.kernel->name;
  }
  EXPECT_LT(apart(on_gpu, on_cpu), 0.02);  // both round to bf16
  const Ran exact = run(kLayer, x, w, cpu_backend(), Arithmetic::f32);
  EXPECT_GT(apart(on_gpu, exact), 0.005);
  EXPECT_LT(apart(on_gpu, exact), 0.08);
}

TEST(Fp8, SaysWhyAnOlderGpuMultipliesIn16Bits) {
  cuda::GpuTraits older = emulate::emulated_gpu().traits();
  older.architecture = 80;
  cuda::set_libraries(older);
  const Array x = normal({64, 64}, 1), w = normal({64, 64}, 2);
  const Ran ran = run(kLayer, x, w, gpu(), Arithmetic::fp8);
  cuda::set_libraries(emulate::emulated_gpu().traits());
  EXPECT_FALSE(ran.has("cublas_fp8"));
  EXPECT_TRUE(ran.has("cublas"));
  const std::string text = explain(*ran.program, true);
  EXPECT_NE(text.find("of scaled_matmul (FP8 needs sm_89, the GPU is sm_80)"), std::string::npos)
      << text;
  EXPECT_LT(apart(ran, run(kLayer, x, w, cpu_backend(), Arithmetic::fp8)), 0.02);
}

// Every number that matters: all halves, the neighbours of ties, what is too large.
TEST(Fp8, IsRoundedAsOnTheHost) {
  std::vector<float> values;
  for (uint32_t bits = 0; bits < 0x10000; bits += 3) {
    values.push_back(static_cast<float>(std::bit_cast<float16>(static_cast<uint16_t>(bits))));
    values.push_back(std::bit_cast<float>(bits << 16 | (bits & 0x8001)));
  }
  values.resize(values.size() / 16 * 16);
  const Array x = Array::of<float>(values, {static_cast<int64_t>(values.size())});
  for (const DType dtype : {DType::f8e4m3fn, DType::f8e5m2}) {
    const Build both = [=](const Tensor& t, const Tensor&) {
      return cast(cast(t, dtype), DType::f32);
    };
    const Ran got = run(both, x, x, gpu(), Arithmetic::f32);
    for (size_t i = 0; i < values.size(); ++i) {
      const float want = decode_small(dtype, encode_small(dtype, values[i]));
      const auto have = static_cast<float>(got.result[i]);
      ASSERT_TRUE(have == want || (std::isnan(have) && std::isnan(want)))
          << name(dtype) << " of " << values[i] << ": " << have << ", expected " << want;
    }
  }
}

}  // namespace
}  // namespace suan
