// `suan bench infer`: latency, throughput, share of peak and memory of a model. --serve keeps it
// warm and answers lines on stdin (benchmarks/compare.py says which).
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "apps/suan/bench_worker.h"
#include "apps/suan/commands.h"
#include "apps/suan/measuring.h"
#include "apps/suan/model.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/base/random.h"
#include "suan/base/threads.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"

namespace suan::app {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double milliseconds(Engine& engine, const std::vector<onnx::Value>& arguments) {  // of one run
  const auto start = Clock::now();
  const auto results = engine.run(arguments);
  if (current_backend().device) {  // until they have reached the host
    for (const onnx::Value& result : results) {
      if (result.tensor) result.tensor.array().buffer->data();
    }
  }
  return 1e3 * seconds_since(start);
}

class InferBench {
 public:
  explicit InferBench(const BenchInferOptions& options) {
    const auto start = Clock::now();
    loaded_ = std::make_unique<LoadedModel>(options);
    arguments_ = loaded_->arguments();
    loaded_->engine->run(arguments_);
    first_ = seconds_since(start);
    interpreted_ = loaded_->engine->interpreted_because(arguments_);
    if (const ProgramPtr program = loaded_->engine->program(arguments_)) flops_ = program->flops();
  }

  std::vector<double> run(int n) {  // milliseconds of each
    std::vector<double> times;
    for (int i = 0; i < n; ++i) times.push_back(milliseconds(*loaded_->engine, arguments_));
    return times;
  }
  double peak_mb() const { return memory_.mb(); }
  double flops() const { return flops_; }
  double first_seconds() const { return first_; }
  Arithmetic precision() const { return loaded_->engine->precision(); }
  const std::string& interpreted() const { return interpreted_; }
  int64_t batch() const {
    for (const onnx::Value& value : arguments_) {
      if (value.tensor && value.tensor.rank()) return value.tensor.shape()[0];
    }
    return 1;
  }

  void serve() {
    serve_benchmark(
        {{"ready", true}, {"flops", flops_}, {"version", std::string(SUAN_VERSION)}},
        [this](int n) { return run(n); }, memory_, precision());
  }

 private:
  PeakMemory memory_;
  double first_ = 0, flops_ = 0;
  std::string interpreted_;
  std::unique_ptr<LoadedModel> loaded_;
  std::vector<onnx::Value> arguments_;
};

struct Latency {
  explicit Latency(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    const auto percentile = [&](double share) {
      return times[std::min(times.size() - 1,
                            static_cast<size_t>(share * static_cast<double>(times.size())))];
    };
    p50 = percentile(0.5);
    p90 = percentile(0.9);
    p99 = percentile(0.99);
  }
  double p50, p90, p99;
};

// A model with this size of the axis that the rule pads.
ModelOptions with_size(const BenchInferOptions& options, const PadRule& rule, int64_t size) {
  ModelOptions sized = options;
  for (const std::string& symbol : rule.symbols) {
    sized.dims.push_back(fmt::format("{}={}", symbol, size));
  }
  return sized;
}

// Requests of random sizes, each beside a run of an engine that knows the bound alone.
int run_lengths(const BenchInferOptions& options) {
  if (options.pad.size() != 1) fail("--lengths", "got {} --pad, expected one", options.pad.size());
  const PadRule rule = parse_pad_rule(options.pad[0]);
  if (!rule.bound) fail("--lengths", "--pad {} has no bound", options.pad[0]);
  const ModelFile file(options);
  const ModelOptions bound = with_size(options, rule, rule.bound);
  const LoadedModel padded(file, bound);
  ModelOptions fixed_options = bound;
  fixed_options.pad.clear();
  const LoadedModel fixed(file, fixed_options);
  const auto longest = fixed.arguments();
  padded.engine->program(longest);  // loading ends here
  for (int i = 0; i <= options.warmup; ++i) fixed.engine->run(longest);
  Random random(1);
  std::vector<double> times, fixed_times;
  for (int i = 0; i < options.lengths; ++i) {
    const ModelOptions sized = with_size(options, rule, random.randint(1, rule.bound + 1));
    const auto arguments = file.arguments(sized).values();
    times.push_back(milliseconds(*padded.engine, arguments));
    fixed_times.push_back(milliseconds(*fixed.engine, longest));
  }
  const Latency all(times), one(fixed_times);
  fmt::print("sizes 1 to {}  p50 {:.3f} ms, p90 {:.3f} ms, p99 {:.3f} ms\n", rule.bound, all.p50,
             all.p90, all.p99);
  fmt::print("size {}        p50 {:.3f} ms, p90 {:.3f} ms, p99 {:.3f} ms\n", rule.bound, one.p50,
             one.p90, one.p99);
  fmt::print("ratio          p99 {:.3f} of its p50, {:.3f} of its p99; {} programs\n",
             all.p99 / one.p50, all.p99 / one.p99, padded.engine->programs());
  if (options.json) {
    fmt::print("{}\n", json_line({{"ms_p50", all.p50},
                                  {"ms_p90", all.p90},
                                  {"ms_p99", all.p99},
                                  {"bound", rule.bound},
                                  {"bound_ms_p50", one.p50},
                                  {"bound_ms_p99", one.p99},
                                  {"ratio_p99_to_p50", all.p99 / one.p50},
                                  {"ratio_p99", all.p99 / one.p99},
                                  {"programs", static_cast<int64_t>(padded.engine->programs())}}));
  }
  return 0;
}

}  // namespace

int run_bench_infer(const BenchInferOptions& options) {
  refuse_with_interpret(options);
  if (options.serve) refuse_unused(options, {"--runs", "--lengths", "--json"}, "with --serve");
  if (options.lengths) {
    refuse_unused(options, {"--runs", "--interpret"}, "with --lengths");
    return run_lengths(options);
  }
  if (!current_backend().device)
    machine_peak();  // if it is to be measured, that memory is not the model's
  InferBench bench(options);
  if (!bench.interpreted().empty()) fmt::print("interpreted: {}\n", bench.interpreted());
  bench.run(options.warmup);
  if (options.serve) {
    bench.serve();
    return 0;
  }
  const CurrentEnergy energy;
  std::vector<double> times = bench.run(options.runs);
  const std::optional<double> joules = energy.joules();
  const auto [p50, p90, p99] = Latency(std::move(times));
  const double gflops = bench.flops() / p50 / 1e6;
  const double share = share_of_peak(gflops, bench.precision());
  const double throughput = 1e3 * static_cast<double>(bench.batch()) / p50;
  fmt::print("latency     p50 {:.3f} ms, p90 {:.3f} ms, p99 {:.3f} ms\n", p50, p90, p99);
  fmt::print("throughput  {:.1f} samples/s, {:.1f} GFLOP/s{}\n", throughput, gflops,
             of_peak(share));
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
                                  {"precision", std::string(name(bench.precision()))},
                                  {"interpreted", bench.interpreted()}}));
  }
  return 0;
}

}  // namespace suan::app
