// `suan inspect` and `suan profile`: the program of a training step, or of a graph in text form.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

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

formats::JsonRows json_rows(const std::vector<StepInfo>& steps, Arithmetic precision) {
  formats::JsonRows rows;
  for (const StepInfo& step : steps) {
    rows.push_back({{"node", step.what},
                    {"from", step.from},
                    {"output", step.type},
                    {"layout", step.layout},
                    {"kernel", step.kernel},
                    {"flops", step.flops},
                    {"bytes", step.bytes},
                    {"refused", fmt::format("{}", fmt::join(step.refused, "; "))}});
    if (step.seconds == 0) continue;
    rows.back().emplace_back("us", 1e6 * step.seconds);
    rows.back().emplace_back("percent_of_roofline",
                             100 * roofline_seconds(step, precision) / step.seconds);
  }
  return rows;
}

formats::JsonRows json_rows(const std::vector<PassTiming>& passes) {
  formats::JsonRows rows;
  for (const PassTiming& pass : passes) {
    rows.push_back({{"pass", pass.name},
                    {"ms", 1e3 * pass.seconds},
                    {"nodes", static_cast<int64_t>(pass.nodes)}});
  }
  return rows;
}

void print_passes(const Program& program) {
  if (program.pass_times().empty()) {
    fmt::print("no pass: the program is the engine file's\n");
    return;
  }
  fmt::print("{:<16} {:>9} {:>7}\n", "pass", "ms", "nodes");
  for (const PassTiming& pass : program.pass_times()) {
    fmt::print("{:<16} {:>9.3f} {:>7}\n", pass.name, 1e3 * pass.seconds, pass.nodes);
  }
}

// `steps` may have been measured.
void print_program(const Program& program, const std::vector<StepInfo>& steps, Arithmetic precision,
                   const InspectOptions& options) {
  const bool measured = !steps.empty() && steps[0].seconds > 0;
  if (options.graph) {
    fmt::print("{}", to_text(program.graph()));
  } else if (measured) {
    fmt::print("{}", explain_measured(program, steps, precision));
  } else {
    fmt::print("{}", explain(program, options.why));
  }
  if (options.passes) print_passes(program);
  const ProgramSize size = measure_size(program);
  if (options.json) {
    fmt::print("{}\n", json_line({{"nodes", size.nodes},
                                  {"steps", size.steps},
                                  {"step_list", json_rows(steps, precision)},
                                  {"passes", json_rows(program.pass_times())},
                                  {"flops", size.flops},
                                  {"bytes", size.bytes},
                                  {"arena_bytes", static_cast<int64_t>(size.arena_bytes)},
                                  {"state_bytes", static_cast<int64_t>(size.state_bytes)},
                                  {"constant_bytes", static_cast<int64_t>(size.constant_bytes)},
                                  {"recomputed", size.recomputed},
                                  {"recomputed_flops", size.recomputed_flops}}));
  }
}

// All steps of a kind together.
struct Kind {
  StepInfo sum;
  int calls = 0;
};

std::vector<Kind> by_kind(const std::vector<StepInfo>& steps) {
  std::map<std::pair<std::string, std::string>, Kind> kinds;
  for (const StepInfo& step : steps) {
    auto [it, fresh] = kinds.try_emplace({step.what, step.kernel}, Kind{step});
    Kind& kind = it->second;
    ++kind.calls;
    if (fresh) continue;
    kind.sum.seconds += step.seconds;
    kind.sum.flops += step.flops;
    kind.sum.bytes += step.bytes;
  }
  std::vector<Kind> out;
  for (const auto& [key, value] : kinds) out.push_back(value);
  std::sort(out.begin(), out.end(),
            [](const Kind& a, const Kind& b) { return a.sum.seconds > b.sum.seconds; });
  return out;
}

void write_profile_trace(const std::string& path, const std::vector<StepInfo>& steps) {
  std::vector<formats::TraceEvent> events;
  double now = 0;
  for (const StepInfo& step : steps) {
    events.push_back(
        {.name = step.what,
         .category = "kernel",
         .start = now,
         .duration = step.seconds,
         .details = {{"kernel", step.kernel},
                     {"output", step.type},
                     {"GFLOP/s", fmt::format("{:.1f}", step.flops / step.seconds / 1e9)}}});
    now += step.seconds;
  }
  formats::write_trace(path, events);
}

// The steps of the program with their mean seconds over some runs.
std::vector<StepInfo> profile(RunContext& context, const std::function<void()>& run, int runs) {
  constexpr int kWarmUp = 3;
  for (int i = 0; i < kWarmUp; ++i) run();
  std::vector<double> seconds;
  context.profile = &seconds;
  for (int i = 0; i < runs; ++i) run();
  context.profile = nullptr;
  std::vector<StepInfo> steps = explain_steps(context.program());
  for (size_t i = 0; i < steps.size(); ++i)
    steps[i].seconds = seconds[i] / static_cast<double>(runs);
  return steps;
}

std::vector<StepInfo> profile_training(const ProfileOptions& options, Arithmetic& precision) {
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

// What runs a model, one step timed after another.
std::vector<StepInfo> profile_model(const LoadedModel& loaded, int runs) {
  const auto arguments = loaded.arguments();
  RunContext context(model_program(loaded, arguments));
  const std::vector<BufferPtr> blocks = blocks_of(arguments);
  return profile(context, [&] { context.run(blocks); }, runs);
}

void inspect_model(const InspectOptions& options) {
  const LoadedModel loaded(options);
  const ProgramPtr program = model_program(loaded, loaded.arguments());
  constexpr int kRuns = 20;
  print_program(*program, options.why ? profile_model(loaded, kRuns) : explain_steps(*program),
                loaded.engine->precision(), options);
}

void inspect_graph(const InspectOptions& options) {
  refuse_unused(
      options,
      {"--input", "--dim", "--batch", "--pad", "--loop-limit", "--memory-limit", "--set", "--runs"},
      "on a graph");
  constexpr size_t kLimit = size_t{256} << 20;
  const std::string text = read_file(options.model, kLimit);
  const ProgramOptions wanted = program_options(options);
  ProgramPtr program;
  try {
    const Graph graph = parse_graph(text);
    verify(graph);
    program = Program::build(graph, current_backend(), wanted);
  } catch (const Error& error) {
    throw Error(error.code(), options.model, error.what());
  }
  print_program(*program, explain_steps(*program), wanted.precision, options);
}

void refuse_for_model(const ModelOptions& options) {
  refuse_unused(options, {"--set", "--runs"}, "on a model");
}
void refuse_for_training(const ModelOptions& options) {
  refuse_unused(options,
                {"--input", "--dim", "--batch", "--precision", "--memory", "--loop-limit",
                 "--memory-limit", "--no-pass", "--pad"},
                "on training, whose recipe says all");
}

}  // namespace

int run_inspect(const InspectOptions& options) {
  if (options.graph) refuse_unused(options, {"--why"}, "with --graph");
  if (is_model(options.model)) {
    refuse_for_model(options);
    inspect_model(options);
  } else if (is_graph_file(options.model)) {
    inspect_graph(options);
  } else {
    refuse_for_training(options);
    StepOf step(options.model, options.runs, options.settings, options.threads);
    print_program(*step.program(), explain_steps(*step.program()), step.recipe().precision(),
                  options);
  }
  return 0;
}

int run_profile(const ProfileOptions& options) {
  Arithmetic precision = Arithmetic::f32;
  std::vector<StepInfo> steps;
  if (is_model(options.model)) {
    refuse_for_model(options);
    const LoadedModel loaded(options);
    precision = loaded.engine->precision();
    steps = profile_model(loaded, options.steps);
  } else {
    refuse_for_training(options);
    steps = profile_training(options, precision);
  }
  const double peak = peak_gflops(machine_peak(), precision);
  double total = 0, flops = 0;
  for (const StepInfo& step : steps) {
    total += step.seconds;
    flops += step.flops;
  }
  fmt::print("{:>6} {:>9} {:>7}  {:<40} {:<24} {:>9} {:>10}\n", "calls", "ms", "share", "node",
             "kernel", "GFLOP/s", "% roofline");
  for (const auto& [step, calls] : by_kind(steps)) {
    fmt::print("{:>6} {:>9.3f} {:>6.1f}%  {:<40} {:<24} {:>9.1f} {:>10.1f}\n", calls,
               1e3 * step.seconds, 100 * step.seconds / total, step.what, step.kernel,
               step.flops / step.seconds / 1e9,
               100 * roofline_seconds(step, precision) / step.seconds);
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
