// `suan profile`: where the time, the memory and the energy of a training step or a model's run go.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "apps/suan/commands.h"
#include "apps/suan/measuring.h"
#include "apps/suan/program_of.h"
#include "suan/base/error.h"
#include "suan/formats/profile_trace.h"
#include "suan/program/memory_use.h"
#include "suan/tensor/compile.h"

namespace suan::app {
namespace {

// Runs on a device as they are without a profile: recorded once and played.
struct Played {
  int runs = 0;
  double seconds = 0, joules = NAN;  // of one
  std::string why_no_energy;
};

struct Profiled {
  Arithmetic precision = Arithmetic::f32;
  Profile profile;
  std::optional<Played> played;  // on a device
};

// For as long as counters of energy need to move.
Played play(Device& device, const std::function<void()>& run, int runs) {
  constexpr double kSeconds = 0.5;
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 3; ++i) run();
  device.wait();
  Played played;
  const CurrentEnergy energy;
  const auto start = Clock::now();
  while (played.runs < runs || played.seconds < kSeconds) {
    run();
    if (++played.runs < runs) continue;
    device.wait();
    played.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }
  played.why_no_energy = energy.why_not();
  played.joules = energy.joules().value_or(NAN) / played.runs;
  played.seconds /= played.runs;
  return played;
}

Profiled profile_runs(RunContext& context, const std::function<void()>& run, Arithmetic precision,
                      int runs) {
  Profiled done{.precision = precision, .profile = profile(context, run, runs)};
  Device* device = context.program().backend().device;
  if (device) done.played = play(*device, run, runs);
  return done;
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

// GPUs are told in TFLOP/s.
struct Unit {
  const char* name;
  double gflops;
};
Unit unit_of(const Profiled& done) {
  return done.played ? Unit{"TFLOP/s", 1e3} : Unit{"GFLOP/s", 1};
}

void print_kinds(const Profiled& done, const Roofline& roofline) {
  const Unit unit = unit_of(done);
  const double total = done.profile.total_seconds();
  fmt::print("{:>6} {:>9} {:>7}  {:<40} {:<24} {:>9} {:>9} {:>10}\n", "calls", "ms", "share",
             "node", "kernel", unit.name, "GB/s", "% roofline");
  for (const auto& [step, calls] : by_kind(done.profile.steps)) {
    fmt::print("{:>6} {:>9.3f} {:>6.1f}%  {:<40} {:<24} {:>9.1f} {:>9.1f} {:>10.1f}\n", calls,
               1e3 * step.seconds, 100 * step.seconds / total, step.what, step.kernel,
               giga_per_second(step.flops, step.seconds) / unit.gflops,
               giga_per_second(step.bytes, step.seconds), percent_of_roofline(step, roofline));
  }
}

formats::JsonRows json_rows(const Profiled& done, const Roofline& roofline) {
  formats::JsonRows rows;
  for (const auto& [step, calls] : by_kind(done.profile.steps)) {
    rows.push_back({{"node", step.what},
                    {"kernel", step.kernel},
                    {"calls", int64_t{calls}},
                    {"ms", 1e3 * step.seconds},
                    {"flops", step.flops},
                    {"bytes", step.bytes},
                    {"gflops", giga_per_second(step.flops, step.seconds)},
                    {"gbytes", giga_per_second(step.bytes, step.seconds)},
                    {"percent_of_roofline", percent_of_roofline(step, roofline)}});
  }
  return rows;
}

void print_device(const Profiled& done, const Roofline& roofline) {
  const Unit unit = unit_of(done);
  const Played& played = *done.played;
  say_how_timed(done.profile);
  if (done.profile.why_no_timeline.empty()) {
    fmt::print("beside      {:.3f} ms a step for inputs, results and states\n",
               1e3 * done.profile.other_seconds);
  }
  fmt::print("peak        {:.1f} {}, {:.0f} GB/s copied, as measured\n",
             roofline.gflops / unit.gflops, unit.name, roofline.gbytes);
  fmt::print("played      {:.3f} ms a step without a profile, the mean of {}\n",
             1e3 * played.seconds, played.runs);
  if (played.why_no_energy.empty()) {
    fmt::print("energy      {:.3f} J a step, {:.0f} W\n", played.joules,
               played.joules / played.seconds);
  } else {
    fmt::print("energy      unknown: {}\n", played.why_no_energy);
  }
}

formats::JsonFields device_fields(const Profile& profile, const Played& played) {
  return {{"why_no_timeline", profile.why_no_timeline},
          {"other_ms", 1e3 * profile.other_seconds},
          {"played_ms", 1e3 * played.seconds},
          {"joules_per_step", played.joules},
          {"why_no_energy", played.why_no_energy}};
}

void report(const ProfileOptions& options, const Program& program, const Profiled& done) {
  const Roofline roofline = current_roofline(done.precision);
  const double total = done.profile.total_seconds();
  double flops = 0;
  for (const StepInfo& step : done.profile.steps) flops += step.flops;
  const double gflops = giga_per_second(flops, total), share = 100 * gflops / roofline.gflops;
  const MemoryUse memory = memory_use(program.plan(), done.played.has_value());
  print_kinds(done, roofline);
  fmt::print("{:.3f} ms a step, {:.1f} {}, {:.1f} % of peak\n", 1e3 * total,
             gflops / unit_of(done).gflops, unit_of(done).name, share);
  if (done.played) print_device(done, roofline);
  fmt::print("memory      {} in use at most, {} set aside\n",
             bytes_text(static_cast<double>(memory.peak())),
             bytes_text(static_cast<double>(memory.allocated())));
  formats::write_profile_trace(options.trace, program, done.profile, roofline);
  fmt::print("trace       {} (open it in ui.perfetto.dev or chrome://tracing)\n", options.trace);
  if (!options.json) return;
  formats::JsonFields fields{{"ms", 1e3 * total},
                             {"flops", flops},
                             {"gflops", gflops},
                             {"percent_of_peak", share},
                             {"peak_gflops", roofline.gflops},
                             {"peak_gbytes", roofline.gbytes},
                             {"memory_bytes", static_cast<int64_t>(memory.peak())},
                             {"allocated_bytes", static_cast<int64_t>(memory.allocated())},
                             {"trace", options.trace},
                             {"kernels", json_rows(done, roofline)}};
  if (done.played) {
    const formats::JsonFields more = device_fields(done.profile, *done.played);
    fields.insert(fields.end(), more.begin(), more.end());
  }
  fmt::print("{}\n", json_line(fields));
}

void profile_training(const ProfileOptions& options) {
  StepOf step(options.model, options.runs, options.settings, options.threads);
  const Profiled done =
      profile_runs(step.context(), [&] { step.run(); }, step.recipe().precision(), options.steps);
  report(options, *step.program(), done);
}

void profile_model(const ProfileOptions& options) {
  const LoadedModel loaded(options);
  const auto arguments = loaded.arguments();
  RunContext context(program_of(loaded, arguments));
  const std::vector<BufferPtr> blocks = blocks_of(arguments);
  const Profiled done = profile_runs(
      context, [&] { context.run(blocks); }, loaded.engine->precision(), options.steps);
  report(options, context.program(), done);
}

}  // namespace

int run_profile(const ProfileOptions& options) {
  const bool model = is_model(options.model);
  if (model) refuse_for_model(options);
  if (!model) refuse_for_training(options);
  if (&current_backend() == &cuda_null_backend()) {
    fail(ErrorCode::kUnsupported, "profile", "cuda-null computes nothing, so nothing takes time");
  }
  model ? profile_model(options) : profile_training(options);
  return 0;
}

}  // namespace suan::app
