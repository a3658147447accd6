// `suan inspect` and `suan profile`: the program of a training step, or of a graph in text form.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "apps/suan/commands.h"
#include "apps/suan/model.h"
#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/base/threads.h"
#include "suan/formats/trace_events.h"
#include "suan/program/explain.h"
#include "suan/target/machine.h"
#include "suan/train/learner.h"
#include "suan/train/run_folder.h"

namespace suan::app {
namespace {

// The compiled step of a run or recipe, with one batch of its data.
class StepOf {
 public:
  StepOf(const std::string& what, const std::string& runs, const std::vector<std::string>& settings,
         int threads)
      : recipe_(find(what, runs, settings)) {
    if (threads) recipe_.train.threads = threads;
    recipe_.train.accumulate = 1;
    task_ = train::make_task(recipe_);
    learner_.emplace(recipe_, task_);
    data::LoaderOptions options;
    options.batch = std::min(recipe_.train.batch, task_.train->size());
    options.workers = 0;
    options.augment = task_.train_augment;
    options.mix = task_.mix;
    data::Loader loader(task_.train, options);
    batch_ = *loader.begin();
    arguments_ = learner_->arguments(batch_);
  }
  train::Learner& learner() { return *learner_; }
  const train::Recipe& recipe() const { return recipe_; }
  const data::Batch& batch() const { return batch_; }
  ProgramPtr program() { return learner_->step_function().program(arguments_); }
  RunContext& context() { return learner_->step_function().context(arguments_); }

 private:
  static train::Recipe find(const std::string& what, const std::string& runs,
                            const std::vector<std::string>& settings) {
    const bool run = std::filesystem::exists(what + "/config.toml") ||
                     std::filesystem::exists(runs + "/" + what + "/config.toml");
    if (!run) return train::load_recipe(what, settings);
    const auto folder = train::RunFolder::open(what, runs);
    folder.use_kernels();
    return folder.recipe(settings);
  }
  train::Recipe recipe_;
  train::Task task_;
  std::optional<train::Learner> learner_;
  data::Batch batch_;
  std::vector<Tensor> arguments_;
};

bool is_graph_file(const std::string& path) {
  return std::filesystem::is_regular_file(path) && !path.ends_with(".toml");
}

void print_program(const Program& program, const InspectOptions& options) {
  if (options.graph) {
    fmt::print("{}", to_text(program.graph()));
  } else {
    fmt::print("{}", explain(program, options.why));
  }
  const ProgramSize size = measure_size(program);
  if (options.json) {
    fmt::print("{}\n", json_line({{"nodes", size.nodes},
                                  {"steps", size.steps},
                                  {"flops", size.flops},
                                  {"bytes", size.bytes},
                                  {"arena_bytes", static_cast<int64_t>(size.arena_bytes)},
                                  {"state_bytes", static_cast<int64_t>(size.state_bytes)},
                                  {"constant_bytes", static_cast<int64_t>(size.constant_bytes)},
                                  {"recomputed", size.recomputed},
                                  {"recomputed_flops", size.recomputed_flops}}));
  }
}

struct Profiled {
  StepInfo info;
  double seconds = 0;  // of one run
  int calls = 1;
};

// The least time that a step can take: its arithmetic or its traffic, whichever is longer.
double roofline_seconds(const StepInfo& step, double gflops, double gbytes) {
  return std::max(step.flops / (gflops * 1e9), step.bytes / (gbytes * 1e9));
}

std::vector<Profiled> by_kind(const std::vector<Profiled>& steps) {
  std::map<std::pair<std::string, std::string>, Profiled> kinds;
  for (const Profiled& p : steps) {
    auto [it, fresh] = kinds.try_emplace({p.info.what, p.info.kernel}, p);
    if (fresh) continue;
    Profiled& sum = it->second;
    sum.seconds += p.seconds;
    sum.info.flops += p.info.flops;
    sum.info.bytes += p.info.bytes;
    ++sum.calls;
  }
  std::vector<Profiled> out;
  for (const auto& [key, value] : kinds) out.push_back(value);
  std::sort(out.begin(), out.end(),
            [](const Profiled& a, const Profiled& b) { return a.seconds > b.seconds; });
  return out;
}

void write_profile_trace(const std::string& path, const std::vector<Profiled>& steps) {
  std::vector<formats::TraceEvent> events;
  double now = 0;
  for (const Profiled& p : steps) {
    events.push_back(
        {.name = p.info.what,
         .category = "kernel",
         .start = now,
         .duration = p.seconds,
         .details = {{"kernel", p.info.kernel},
                     {"output", p.info.type},
                     {"GFLOP/s", fmt::format("{:.1f}", p.info.flops / p.seconds / 1e9)}}});
    now += p.seconds;
  }
  formats::write_trace(path, events);
}

// Mean seconds of each step of the program over some runs.
std::vector<Profiled> profile(RunContext& context, const std::function<void()>& run, int runs) {
  constexpr int kWarmUp = 3;
  for (int i = 0; i < kWarmUp; ++i) run();
  std::vector<double> seconds;
  context.profile = &seconds;
  for (int i = 0; i < runs; ++i) run();
  context.profile = nullptr;
  std::vector<Profiled> out;
  const std::vector<StepInfo> infos = explain_steps(context.program());
  for (size_t i = 0; i < infos.size(); ++i) {
    out.push_back({infos[i], seconds[i] / static_cast<double>(runs)});
  }
  return out;
}

std::vector<Profiled> profile_training(const ProfileOptions& options, DType& precision) {
  StepOf step(options.model, options.runs, options.settings, options.threads);
  precision = step.recipe().precision();
  const double lr = 0;  // the weights stay as they are
  return profile(step.context(), [&] { step.learner().step(step.batch(), lr); }, options.steps);
}

bool is_model(const std::string& path) {
  return path.ends_with(".onnx") || path.ends_with(".suan");
}

// The program of a model for the arguments that the options describe.
ProgramPtr model_program(const LoadedModel& loaded, const std::vector<onnx::Value>& arguments) {
  ProgramPtr program = loaded.engine->program(arguments);
  if (!program) {
    fail(ErrorCode::kUnsupported, "model", "has no program: {}",
         loaded.engine->interpreted_because(arguments));
  }
  return program;
}

std::vector<Profiled> profile_model(const ProfileOptions& options) {
  const LoadedModel loaded(options);
  const auto arguments = loaded.arguments();
  RunContext context(model_program(loaded, arguments));
  std::vector<BufferPtr> blocks;
  for (const onnx::Value& value : arguments) {
    for_each_tensor(value, [&](const Tensor& t) { blocks.push_back(t.array().buffer); });
  }
  return profile(context, [&] { context.run(blocks); }, options.steps);
}

}  // namespace

int run_inspect(const InspectOptions& options) {
  if (is_model(options.model)) {
    const LoadedModel loaded(options);
    print_program(*model_program(loaded, loaded.arguments()), options);
    return 0;
  }
  if (is_graph_file(options.model)) {
    constexpr size_t kLimit = size_t{256} << 20;
    const std::string text = read_file(options.model, kLimit);
    ProgramPtr program;
    try {
      const Graph graph = parse_graph(text);
      verify(graph);
      program = Program::build(graph, current_backend());
    } catch (const Error& error) {
      throw Error(error.code(), options.model, error.what());
    }
    print_program(*program, options);
    return 0;
  }
  StepOf step(options.model, options.runs, options.settings, options.threads);
  print_program(*step.program(), options);
  return 0;
}

int run_profile(const ProfileOptions& options) {
  DType precision = options.precision == "bf16" ? DType::bf16 : DType::f32;
  const std::vector<Profiled> steps =
      is_model(options.model) ? profile_model(options) : profile_training(options, precision);
  const MachinePeak& machine = machine_peak();
  const double peak = peak_gflops(machine, precision);
  double total = 0, flops = 0;
  for (const Profiled& p : steps) {
    total += p.seconds;
    flops += p.info.flops;
  }
  fmt::print("{:>6} {:>9} {:>7}  {:<40} {:<24} {:>9} {:>10}\n", "calls", "ms", "share", "node",
             "kernel", "GFLOP/s", "% roofline");
  for (const Profiled& p : by_kind(steps)) {
    fmt::print("{:>6} {:>9.3f} {:>6.1f}%  {:<40} {:<24} {:>9.1f} {:>10.1f}\n", p.calls,
               1e3 * p.seconds, 100 * p.seconds / total, p.info.what, p.info.kernel,
               p.info.flops / p.seconds / 1e9,
               100 * roofline_seconds(p.info, peak, machine.copy_gbytes) / p.seconds);
  }
  const double gflops = flops / total / 1e9;
  fmt::print("{:.3f} ms a step, {:.1f} GFLOP/s, {:.1f} % of peak\n", 1e3 * total, gflops,
             100 * gflops / peak);
  write_profile_trace(options.trace, steps);
  fmt::print("trace   {} (open it in ui.perfetto.dev or chrome://tracing)\n", options.trace);
  if (options.json) {
    fmt::print("{}\n", json_line({{"ms", 1e3 * total},
                                  {"flops", flops},
                                  {"gflops", gflops},
                                  {"percent_of_peak", 100 * gflops / peak},
                                  {"trace", options.trace}}));
  }
  return 0;
}

}  // namespace suan::app
