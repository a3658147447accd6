// `suan bench train`: the time, memory and share of peak of one training step, for the cases that
// benchmarks/compare.py also runs in PyTorch. --serve keeps the step warm and answers lines on
// stdin.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "apps/suan/bench_worker.h"
#include "apps/suan/commands.h"
#include "suan/backend/device.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/base/random.h"
#include "suan/models/create.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/widen.h"
#include "suan/optim/adam.h"
#include "suan/optim/loss_scale.h"
#include "suan/optim/sgd.h"
#include "suan/program/device_run.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"

namespace suan::app {
namespace {

struct Case {
  std::string_view name;
  std::string_view model;
  models::Config config;
  Shape x, y;
  int64_t vocabulary;  // inputs are indices below this; 0: inputs are floats
  int64_t classes;
  bool momentum;  // SGD with momentum; else AdamW
};
const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"mlp", "mlp", {}, {64, 784}, {64}, 0, 10, false},
      {"lenet", "lenet", {}, {64, 1, 28, 28}, {64}, 0, 10, false},
      {"resnet18",
       "resnet18",
       {{"stem", "cifar"}, {"classes", "10"}},
       {64, 3, 32, 32},
       {64},
       0,
       10,
       true},
      {"gpt-mini",
       "gpt",
       {{"layers", "4"}, {"heads", "4"}, {"width", "128"}, {"context", "64"}, {"vocabulary", "65"}},
       {12, 64},
       {12, 64},
       65,
       65,
       false},
      {"gpt-small",
       "gpt",
       {{"layers", "6"},
        {"heads", "6"},
        {"width", "384"},
        {"context", "256"},
        {"vocabulary", "65"}},
       {4, 256},
       {4, 256},
       65,
       65,
       false},
      // As nanoGPT and llm.c measure it: biases, a vocabulary padded to a multiple of 64.
      {"gpt2-124m",
       "gpt",
       {{"layers", "12"},
        {"heads", "12"},
        {"width", "768"},
        {"context", "1024"},
        {"vocabulary", "50304"},
        {"bias", "true"}},
       {16, 1024},
       {16, 1024},
       50304,
       50304,
       false},
      {"resnet50", "resnet50", {}, {64, 3, 224, 224}, {64}, 0, 1000, true},
  };
  return all;
}

Shape with_batch(const Shape& shape, int64_t batch) {
  Shape batched = shape;
  if (batch) *batched.begin() = batch;
  return batched;
}

// Sent to the current device, if there is one, before it is wanted.
Tensor on_the_device(const Array& array) {
  if (Device* device = current_backend().device) on_device(array.buffer, *device);
  return Tensor::from(array);
}

Tensor batch_inputs(const Case& c, Random& random) {
  if (c.vocabulary) {
    Array x(DType::i64, c.x);
    for (int64_t& v : x.span<int64_t>()) v = random.randint(0, c.vocabulary);
    return on_the_device(x);
  }
  Array x(DType::f32, c.x);
  for (float& v : x.span<float>()) v = random.normal();
  return on_the_device(x);
}

// One training step, warm: forward, gradient, update, with the batch in memory.
class Bench {
 public:
  Bench(const Case& c, Arithmetic precision) : precision_(precision) {
    Random random(7);
    x_ = batch_inputs(c, random);
    Array y(DType::i64, c.y);
    for (int64_t& v : y.span<int64_t>()) v = random.randint(0, c.classes);
    y_ = on_the_device(y);
    memory_.emplace();  // the batch does not count
    model_ = models::create(c.model, c.config);
    const auto parameters = model_->module().parameters();
    for (const StatePtr& p : parameters) parameter_count_ += p->type().shape.numel();
    if (c.momentum) {
      optimizer_ =
          std::make_unique<optim::Sgd>(parameters, optim::SgdOptions{.lr = 0.01, .momentum = 0.9});
    } else {
      optimizer_ = std::make_unique<optim::AdamW>(parameters, optim::AdamWOptions{.lr = 1e-3});
    }
    if (precision == Arithmetic::f16) scaler_.emplace();
    step_.emplace([this, parameters](const Tensor& x,
                                     const Tensor& y) { return trace_step(parameters, x, y); },
                  CompileOptions{.precision = precision});
    flops_ = step_->program(x_, y_)->flops();
  }

  // Milliseconds of each of n steps; on a device, whose steps are not waited for, their mean.
  std::vector<double> run(int n) {
    std::vector<double> times;
    if (Device* device = current_backend().device) {
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < n; ++i) (*step_)(x_, y_);
      device->wait();
      const std::chrono::duration<double, std::milli> elapsed =
          std::chrono::steady_clock::now() - start;
      times.assign(static_cast<size_t>(n), elapsed.count() / std::max(1, n));
      return times;
    }
    for (int i = 0; i < n; ++i) {
      const auto start = std::chrono::steady_clock::now();
      (*step_)(x_, y_);
      const std::chrono::duration<double, std::milli> elapsed =
          std::chrono::steady_clock::now() - start;
      times.push_back(elapsed.count());
    }
    return times;
  }
  double peak_mb() const { return memory_->mb(); }
  double flops() const { return flops_; }
  int64_t parameter_count() const { return parameter_count_; }

  void serve() {
    serve_benchmark(
        {{"ready", true},
         {"parameters", parameter_count_},
         {"flops", flops_},
         {"version", std::string(SUAN_VERSION)}},
        [this](int n) { return run(n); }, *memory_, precision_);
  }

 private:
  Tensor trace_step(const std::vector<StatePtr>& parameters, const Tensor& x, const Tensor& y) {
    const Tensor logits = (*model_)({x});
    if (!scaler_) {
      const Tensor loss = cross_entropy(logits, y);
      optimizer_->step(grad(loss, parameters));
      return loss;
    }
    const Tensor loss = cross_entropy(widen(logits), y);
    const auto grads = scaler_->unscaled(grad(scaler_->scaled(loss), parameters));
    scaler_->update(grads, optim::updated_by(*optimizer_), [&] { optimizer_->step(grads); });
    return loss;
  }

  using StepFunction = std::function<Tensor(const Tensor&, const Tensor&)>;
  Arithmetic precision_;
  Tensor x_, y_;
  std::optional<PeakMemory> memory_;
  double flops_ = 0;
  int64_t parameter_count_ = 0;
  std::unique_ptr<models::Model> model_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::optional<optim::LossScaler> scaler_;
  std::optional<Compiled<StepFunction>> step_;
};

}  // namespace

std::string bench_train_cases() {
  std::string list;
  for (const Case& c : cases()) {
    const bool last = &c == &cases().back();
    list += fmt::format("{}{}", list.empty() ? "" : (last ? " or " : ", "), c.name);
  }
  return list;
}

int run_bench_train(const BenchTrainOptions& options) {
  const auto& all = cases();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Case& c) { return c.name == options.name; });
  if (found == all.end()) {
    fail("bench", "there is no case '{}', expected {}", options.name, bench_train_cases());
  }
  const auto precision = parse_arithmetic(options.precision);
  if (!precision) {
    fail("bench", "precision is '{}', expected one of {}", options.precision,
         fmt::join(arithmetic_names(), ", "));
  }
  Case chosen = *found;
  chosen.x = with_batch(chosen.x, options.batch);
  chosen.y = with_batch(chosen.y, options.batch);
  Bench bench(chosen, *precision);
  bench.run(options.warmup);
  if (options.serve) {
    bench.serve();
    return 0;
  }
  auto times = bench.run(options.steps);
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const double rate = bench.flops() / median / 1e6;
  const double share = share_of_peak(rate, *precision);
  fmt::print("{} {}: {:.3f} ms a step (fastest {:.3f}), {:.1f} GFLOP/s{}, {:.0f} MB\n", found->name,
             options.precision, median, times[0], rate, of_peak(share), bench.peak_mb());
  if (options.json) {
    fmt::print("{}\n", json_line({{"case", std::string(found->name)},
                                  {"precision", options.precision},
                                  {"ms_median", median},
                                  {"ms_min", times[0]},
                                  {"peak_mb", bench.peak_mb()},
                                  {"flops", bench.flops()},
                                  {"parameters", bench.parameter_count()},
                                  {"percent_of_peak", share}}));
  }
  return 0;
}

}  // namespace suan::app
