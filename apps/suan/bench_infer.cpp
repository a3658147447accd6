// `suan bench infer`: latency, throughput, share of peak and memory of a model. --serve keeps it
// warm and answers lines on stdin (benchmarks/compare.py says which).
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "apps/suan/bench_worker.h"
#include "apps/suan/commands.h"
#include "apps/suan/model.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/program/program.h"
#include "suan/target/energy.h"
#include "suan/target/machine.h"

namespace suan::app {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class InferBench {
 public:
  explicit InferBench(const BenchInferOptions& options)
      : precision_(*parse_dtype(options.precision)) {
    const auto start = Clock::now();
    loaded_ = std::make_unique<LoadedModel>(options);
    arguments_ = loaded_->arguments();
    loaded_->session->run(arguments_);
    first_ = seconds_since(start);
    if (const RunContext* context = loaded_->session->context(arguments_)) {
      flops_ = context->program().flops();
    }
  }

  std::vector<double> run(int n) {  // milliseconds of each
    std::vector<double> times;
    for (int i = 0; i < n; ++i) {
      const auto start = Clock::now();
      loaded_->session->run(arguments_);
      times.push_back(1e3 * seconds_since(start));
    }
    return times;
  }
  double peak_mb() const { return memory_.mb(); }
  double flops() const { return flops_; }
  double first_seconds() const { return first_; }
  const std::string& interpreted() const { return loaded_->session->interpreted_because(); }
  int64_t batch() const {
    for (const onnx::Value& value : arguments_) {
      if (value.tensor && value.tensor.rank()) return value.tensor.shape()[0];
    }
    return 1;
  }

  void serve() {
    serve_benchmark(
        {{"ready", true}, {"flops", flops_}, {"version", std::string(SUAN_VERSION)}},
        [this](int n) { return run(n); }, memory_, precision_);
  }

 private:
  DType precision_;
  PeakMemory memory_;
  double first_ = 0, flops_ = 0;
  std::unique_ptr<LoadedModel> loaded_;
  std::vector<onnx::Value> arguments_;
};

double percentile(const std::vector<double>& sorted, double share) {
  return sorted[std::min(sorted.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

int run_bench_infer(const BenchInferOptions& options) {
  InferBench bench(options);
  if (!bench.interpreted().empty()) fmt::print("interpreted: {}\n", bench.interpreted());
  bench.run(options.warmup);
  if (options.serve) {
    bench.serve();
    return 0;
  }
  const EnergyMeter energy;
  auto times = bench.run(options.runs);
  const std::optional<double> joules = energy.joules();
  std::sort(times.begin(), times.end());
  const double p50 = percentile(times, 0.5), p90 = percentile(times, 0.9),
               p99 = percentile(times, 0.99);
  const double gflops = bench.flops() / p50 / 1e6;
  const double share = 100 * gflops / peak_gflops(machine_peak(), *parse_dtype(options.precision));
  const double throughput = 1e3 * static_cast<double>(bench.batch()) / p50;
  fmt::print("latency     p50 {:.3f} ms, p90 {:.3f} ms, p99 {:.3f} ms\n", p50, p90, p99);
  fmt::print("throughput  {:.1f} samples/s, {:.1f} GFLOP/s, {:.1f} % of peak\n", throughput, gflops,
             share);
  fmt::print("memory      {:.0f} MB at most\n", bench.peak_mb());
  fmt::print("first       {:.3f} s from the file to the first result\n", bench.first_seconds());
  const double joules_per_run = joules.value_or(NAN) / options.runs;
  if (joules) fmt::print("energy      {:.3f} J a run\n", joules_per_run);
  if (options.json) {
    fmt::print("{}\n", json_line({{"ms_p50", p50},
                                  {"ms_p90", p90},
                                  {"ms_p99", p99},
                                  {"samples_per_second", throughput},
                                  {"gflops", gflops},
                                  {"percent_of_peak", share},
                                  {"peak_mb", bench.peak_mb()},
                                  {"first_seconds", bench.first_seconds()},
                                  {"joules_per_run", joules_per_run},
                                  {"batch", bench.batch()},
                                  {"threads", int64_t{num_threads()}},
                                  {"precision", options.precision},
                                  {"interpreted", bench.interpreted()}}));
  }
  return 0;
}

}  // namespace suan::app
