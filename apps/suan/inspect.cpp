// `suan inspect`: the program of a training step, of a model, or of a graph in text form.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/suan/commands.h"
#include "apps/suan/measuring.h"
#include "apps/suan/model.h"
#include "apps/suan/program_of.h"
#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/program/explain.h"
#include "suan/program/profile.h"

namespace suan::app {
namespace {

bool is_graph_file(const std::string& path) {
  return std::filesystem::is_regular_file(path) && !path.ends_with(".toml");
}

// Of steps that were measured where there is a roofline.
formats::JsonRows json_rows(const std::vector<StepInfo>& steps, const Roofline* roofline) {
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
    if (!roofline) continue;
    rows.back().emplace_back("us", 1e6 * step.seconds);
    rows.back().emplace_back("percent_of_roofline", percent_of_roofline(step, *roofline));
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
  std::optional<Roofline> roofline;
  if (std::any_of(steps.begin(), steps.end(), [](const StepInfo& s) { return s.seconds > 0; })) {
    roofline = current_roofline(precision);
  }
  if (options.graph) {
    fmt::print("{}", to_text(program.graph()));
  } else if (roofline) {
    fmt::print("{}", explain_measured(program, steps, *roofline));
  } else {
    fmt::print("{}", explain(program, options.why));
  }
  if (options.passes) print_passes(program);
  const ProgramSize size = measure_size(program);
  if (options.json) {
    fmt::print("{}\n", json_line({{"nodes", size.nodes},
                                  {"steps", size.steps},
                                  {"step_list", json_rows(steps, roofline ? &*roofline : nullptr)},
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

std::vector<StepInfo> measured_steps(const ProgramPtr& program,
                                     const std::vector<onnx::Value>& arguments) {
  constexpr int kRuns = 20;
  RunContext context(program);
  const std::vector<BufferPtr> blocks = blocks_of(arguments);
  const Profile measured = profile(context, [&] { context.run(blocks); }, kRuns);
  if (measured.total_seconds() > 0) say_how_timed(measured);
  return measured.steps;
}

void inspect_model(const InspectOptions& options) {
  const LoadedModel loaded(options);
  const auto arguments = loaded.arguments();
  const ProgramPtr program = program_of(loaded, arguments);
  print_program(*program,
                options.why ? measured_steps(program, arguments) : explain_steps(*program),
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

}  // namespace suan::app
