// `suan bench kernels`: one large matrix product, a chain of eight elementwise operations, and the
// copy that the chain is held against; on a device by its own clock.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "apps/suan/bench_worker.h"
#include "apps/suan/commands.h"
#include "suan/backend/device.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/graph/state.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"

namespace suan::app {
namespace {

// Numbers below 1 that are quickly made.
Array numbers_below_one(DType dtype, const Shape& shape) {
  Array array(dtype, shape);
  visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, bfloat16>) {
      int64_t i = 0;
      for (T& v : array.span<T>()) v = static_cast<T>(static_cast<float>(i++ % 1021) / 1021);
    }
  });
  return array;
}

// Adds, multiplies and maxima: one array is read and one written.
Tensor chain_of_eight(const Tensor& a) {
  const Tensor b = maximum(a * 1.5 + 0.25, -0.5);
  const Tensor c = maximum(b * 0.75 + 0.125, 0.0625);
  return c * 0.5 + 1.0;
}

class KernelBench {
 public:
  virtual ~KernelBench() = default;
  virtual double milliseconds() = 0;
};

// A function of states, which are where the kernels read them: no copy is timed.
class ProgramBench final : public KernelBench {
 public:
  using Function = std::function<Tensor(const std::vector<StatePtr>&)>;
  ProgramBench(std::vector<StatePtr> states, Function f)
      : function_([states = std::move(states), f = std::move(f)] { return f(states); }) {
    function_.context().profile = &seconds_;
  }
  double milliseconds() override {
    std::fill(seconds_.begin(), seconds_.end(), 0);
    function_();
    return 1e3 * std::accumulate(seconds_.begin(), seconds_.end(), 0.0);
  }

 private:
  std::vector<double> seconds_;  // of each step
  Compiled<std::function<Tensor()>> function_;
};

class CopyBench final : public KernelBench {
 public:
  explicit CopyBench(size_t bytes) : bytes_(bytes), device_(current_backend().device) {
    if (!device_) return;
    from_ = device_->allocate(bytes);
    to_ = device_->allocate(bytes);
    device_->clear(from_->address(), bytes);
  }
  double milliseconds() override {
    if (!device_) return 2 * static_cast<double>(bytes_) / measure_copy(bytes_) / 1e6;
    return 1e3 *
           device_->seconds_of([&] { device_->copy(to_->address(), from_->address(), bytes_); });
  }

 private:
  size_t bytes_;
  Device* device_;
  DeviceBlockPtr from_, to_;
};

struct Made {
  std::unique_ptr<KernelBench> bench;
  double flops = 0, bytes = 0;  // of one run; bytes read and written
};

Made make_bench(const BenchKernelsOptions& options, DType precision) {
  const int64_t n = options.size;
  if (options.name == "product") {
    std::vector<StatePtr> ab;
    for (const char* name : {"a", "b"}) {
      ab.push_back(State::create(name, numbers_below_one(precision, {n, n})));
    }
    const auto f = [](const auto& states) { return matmul(states[0]->read(), states[1]->read()); };
    const auto size = static_cast<double>(n);
    return {std::make_unique<ProgramBench>(ab, f), 2 * size * size * size, 0};
  }
  const size_t bytes = options.megabytes << 20;
  const double moved = 2 * static_cast<double>(bytes);
  if (options.name == "copy") return {std::make_unique<CopyBench>(bytes), 0, moved};
  if (options.name != "chain") {
    fail("bench", "there is no case '{}', expected product, chain or copy", options.name);
  }
  const auto count = static_cast<int64_t>(bytes / size_of(precision));
  const StatePtr a = State::create("a", numbers_below_one(precision, {count}));
  const auto f = [](const auto& states) { return chain_of_eight(states[0]->read()); };
  return {std::make_unique<ProgramBench>(std::vector{a}, f), 8 * static_cast<double>(count), moved};
}

}  // namespace

int run_bench_kernels(const BenchKernelsOptions& options) {
  const auto precision = parse_dtype(options.precision);
  if (precision != DType::f32 && precision != DType::bf16) {
    fail("bench", "precision is '{}', expected f32 or bf16", options.precision);
  }
  if (options.serve) refuse_unused(options, {"--runs", "--json"}, "with --serve");
  const PeakMemory memory;
  const Made made = make_bench(options, *precision);
  const auto run = [&](int n) {
    std::vector<double> times;
    for (int i = 0; i < n; ++i) times.push_back(made.bench->milliseconds());
    return times;
  };
  run(2);
  if (options.serve) {
    serve_benchmark({{"ready", true},
                     {"flops", made.flops},
                     {"bytes", made.bytes},
                     {"version", std::string(SUAN_VERSION)}},
                    run, memory, *parse_arithmetic(options.precision));
    return 0;
  }
  std::vector<double> times = run(options.runs);
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  fmt::print("{} {}: {:.3f} ms (fastest {:.3f}), {:.1f} GFLOP/s, {:.1f} GB/s\n", options.name,
             options.precision, median, times[0], made.flops / median / 1e6,
             made.bytes / median / 1e6);
  if (options.json) {
    fmt::print("{}\n", json_line({{"case", options.name},
                                  {"precision", options.precision},
                                  {"ms_median", median},
                                  {"ms_min", times[0]},
                                  {"gflops", made.flops / median / 1e6},
                                  {"gbytes", made.bytes / median / 1e6}}));
  }
  return 0;
}

}  // namespace suan::app
