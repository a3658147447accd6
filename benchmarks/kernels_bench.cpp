// Kernels as shares of what the machine can do: products and convolutions of the peak of its
// registers, a chain of elementwise operations of the bandwidth of a copy.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "benchmarks/conditions.h"
#include "suan/backend/kernel.h"
#include "suan/base/file.h"
#include "suan/base/random.h"
#include "suan/base/threads.h"
#include "suan/graph/graph.h"
#include "suan/graph/pending.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/program/choice.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"

namespace {

using namespace suan;

struct Result {
  std::string kernel, unit;
  double rate, limit;
};

Tensor random_tensor(const Shape& shape, uint64_t seed) {
  Array a(DType::f32, shape);
  Random random(seed);
  for (float& x : a.span<float>()) x = random.uniform() - 0.5f;
  return Tensor::from(a);
}

// The share that f reaches of what `limit` measures: both are taken in turns, the best of each.
Result measure(std::string kernel, std::string unit, double work, const std::function<void()>& f,
               const std::function<double()>& limit) {
  double best = 1e30, most = 0;
  f();
  f();
  for (int i = 0; i < 9; ++i) {
    most = std::max(most, limit());
    const auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return {std::move(kernel), std::move(unit), work / best / 1e9, most};
}

double f32_peak() { return measure_arithmetic(DType::f32, 0.05); }

Result measure_matmul(int64_t n) {
  const Tensor a = random_tensor({n, n}, 1), b = random_tensor({n, n}, 2);
  auto f = compile([](const Tensor& x, const Tensor& y) { return matmul(x, y); });
  const double work = 2.0 * static_cast<double>(n * n * n);
  return measure(
      fmt::format("matrix product {0} x {0} x {0}", n), "GFLOP/s", work, [&] { f(a, b); },
      f32_peak);
}

// A 3 x 3 convolution of a batch: forward, gradient of the input, gradient of the weight. Exact
// mode leaves direct summation; without it Winograd's algorithm does the same with fewer
// operations.
void measure_conv(std::vector<Result>& out, int64_t n, int64_t c, int64_t size, bool exact) {
  set_exact_mode(exact);
  const ConvAttrs attrs{.pad_begin = {1, 1}, .pad_end = {1, 1}, .size = {size, size}};
  ConvAttrs weight = attrs;
  weight.size = {3, 3};
  const Tensor x = random_tensor({n, c, size, size}, 1), g = random_tensor({n, c, size, size}, 2);
  const Tensor w = random_tensor({c, c, 3, 3}, 3);
  const double work = 2.0 * 9 * static_cast<double>(n * c * c * size * size);
  const std::string name = fmt::format("{0} 3 x 3 convolution, {1} x {2} x {3} x {3}",
                                       exact ? "direct" : "chosen", n, c, size);
  const auto add = [&](const char* what, const std::function<void()>& f) {
    out.push_back(measure(name + what, "GFLOP/s", work, f, f32_peak));
  };
  ConvAttrs forward = attrs;
  forward.size = {};
  auto f = compile([&](const Tensor& a, const Tensor& b) { return conv(a, b, {}, forward); });
  auto fx = compile([&](const Tensor& a, const Tensor& b) { return conv_transpose(a, b, attrs); });
  auto fw =
      compile([&](const Tensor& a, const Tensor& b) { return conv_weight_gradient(a, b, weight); });
  add("", [&] { f(x, w); });
  add(", input gradient", [&] { fx(g, w); });
  add(", weight gradient", [&] { fw(x, g); });
}

// Eight adds, multiplies and maxima in one pass: one array is read and one written.
Result measure_chain(size_t bytes) {
  const auto count = static_cast<int64_t>(bytes / sizeof(float));
  const Tensor x = random_tensor({count}, 1);
  auto f = compile([](const Tensor& a) {
    const Tensor b = maximum(a * 1.5 + 0.25, -0.5);
    const Tensor c = maximum(b * 0.75 + 0.125, 0.0625);
    return c * 0.5 + 1.0;
  });
  return measure(
      fmt::format("chain of 8 over {} MB", bytes >> 20), "GB/s", 2.0 * static_cast<double>(bytes),
      [&] { f(x); }, [&] { return measure_copy(bytes); });
}

// All kernels that take the nodes of y = f(x), as the choice of kernels measures them.
void compare_kernels(std::vector<Result>& out, const std::string& what, double work, const Shape& x,
                     const std::function<Tensor(const Tensor&)>& f) {
  const PauseTracking graph_only;
  Graph graph;
  graph.inputs = {make_input({DType::f32, x}, "x")};
  graph.outputs = {f(graph.inputs[0])};
  const ProgramPtr program = Program::build(graph, cpu_backend());
  const double peak = f32_peak();
  for (const NodePtr& node : program->graph().nodes()) {
    for (const KernelTime& time : measured_times(cpu_backend(), *node)) {
      out.push_back(
          {fmt::format("{}: {}", what, time.kernel), "GFLOP/s", work / time.seconds / 1e9, peak});
    }
  }
}

// Weights that are constant, so that kernels may pack them.
void compare_product(std::vector<Result>& out, int64_t m, int64_t k, int64_t n) {
  const Tensor w = random_tensor({k, n}, 1), b = random_tensor({n}, 2);
  compare_kernels(out, fmt::format("{} x {} x {} with bias and GELU", m, k, n),
                  2.0 * static_cast<double>(m * k * n), {m, k},
                  [&](const Tensor& x) { return gelu(matmul(x, w) + b); });
}
void compare_conv(std::vector<Result>& out, const Shape& x, int64_t channels, int64_t size) {
  const Tensor w = random_tensor({channels, x[1], size, size}, 1), b = random_tensor({channels}, 2);
  const ConvAttrs attrs{.pad_begin = {size / 2, size / 2}, .pad_end = {size / 2, size / 2}};
  const double work = 2.0 * static_cast<double>(x.numel() * channels * size * size);
  compare_kernels(
      out, fmt::format("{0} x {0} of {1} to {2} channels with relu", size, to_string(x), channels),
      work, x, [&](const Tensor& t) { return relu(conv(t, w, b, attrs)); });
}

std::string to_json(const std::vector<Result>& results) {
  std::string out;
  for (const Result& r : results) {
    out += fmt::format(
        R"({}{{"kernel": "{}", "unit": "{}", "rate": {:.1f}, "limit": {:.1f}, "percent": {:.1f}, {}}})",
        out.empty() ? "[" : ",\n ", r.kernel, r.unit, r.rate, r.limit, 100 * r.rate / r.limit,
        conditions_json());
  }
  return out + "]\n";
}

void run(const std::string& json) {
  std::vector<Result> results{measure_matmul(2048)};
  measure_conv(results, 16, 256, 28, true);
  measure_conv(results, 16, 256, 28, false);
  results.push_back(measure_chain(size_t{256} << 20));
  compare_product(results, 128, 768, 768);
  compare_product(results, 128, 768, 3072);
  compare_conv(results, {1, 256, 14, 14}, 1024, 1);
  compare_conv(results, {1, 64, 56, 56}, 64, 3);
  compare_conv(results, {1, 256, 14, 14}, 256, 3);
  compare_conv(results, {8, 512, 7, 7}, 512, 3);
  for (const Result& r : results) {
    fmt::print("{:60} {:8.1f} of {:8.1f} {:8} {:5.1f} %\n", r.kernel, r.rate, r.limit, r.unit,
               100 * r.rate / r.limit);
  }
  if (!json.empty()) write_file_atomically(json, to_json(results));
}

}  // namespace

// kernels_bench [--json FILE], with as many threads as $SUAN_THREADS says.
int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && (words.size() != 2 || words[0] != "--json")) {
    fmt::print(stderr, "usage: kernels_bench [--json FILE]\n");
    return 2;
  }
  try {
    run(words.empty() ? "" : words[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "kernels_bench: {}\n", error.what());
    return 2;
  }
}
