// Explaining programs.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/graph/state.h"
#include "suan/program/choice.h"
#include "suan/target/machine.h"

namespace suan {
namespace {

std::string describe(const Node& node) {
  std::string out(node.op->name);
  for (const auto& region : node.regions) {
    int count = 0;
    for (const NodePtr& inner : region->nodes()) {
      constexpr int kShown = 6;
      if (inner->inputs.empty()) continue;
      if (++count <= kShown) out += fmt::format(" {}", inner->op->name);
      if (count == kShown + 1) out += " ...";
    }
  }
  return out;
}

// The labels of the node, or of those in its region, each once.
std::string origin(const Node& node) {
  std::vector<std::string> labels;
  const auto add = [&](const std::string& label) {
    if (label.empty() || std::find(labels.begin(), labels.end(), label) != labels.end()) return;
    labels.push_back(label);
  };
  for (const auto& region : node.regions) {
    for (const NodePtr& inner : region->nodes()) {
      if (inner->op->infer) add(inner->label);
    }
  }
  if (labels.empty()) add(node.label);
  return fmt::format("{}", fmt::join(labels, ", "));
}

std::string milliseconds(double seconds) { return fmt::format("{:.3f} ms", 1e3 * seconds); }

// The kernels above the chosen one and what they said, and those that were measured to be slower.
std::vector<std::string> refusals(const Backend& backend, const PlannedStep& step) {
  std::vector<std::string> out;
  const std::vector<KernelTime> times = measured_times(backend, *step.node);
  for (size_t i = 1; i < times.size(); ++i) {
    out.push_back(fmt::format("{}: {} against {} measured", times[i].kernel,
                              milliseconds(times[i].seconds), milliseconds(times[0].seconds)));
  }
  for (const Backend* b = &backend; b; b = b->fallback) {
    for (const Kernel& kernel : b->kernels) {
      if (&kernel == step.kernel) return out;
      if (kernel.op != step.node->op->code) continue;
      const char* reason = kernel.why_not(*step.node);
      if (!reason && exact_mode() && !kernel.exact) reason = "not an exact kernel";
      if (!reason && times.empty() && kernel.likely_slower)
        reason = kernel.likely_slower(*step.node);
      if (!reason && times.empty()) reason = "slower, by the record";
      if (reason) out.push_back(fmt::format("{}: {}", kernel.name, reason));
    }
  }
  return out;
}

const char* copy_name(const Plan& plan, const PlannedStep& step) {
  const bool from = plan.storages[static_cast<size_t>(step.in[0])].on_device;
  const bool to = plan.storages[static_cast<size_t>(step.out[0])].on_device;
  return from == to ? "copy" : from ? "copy to the host" : "copy to the device";
}

}  // namespace

std::string bytes_text(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.1f} MB", bytes / 1e6);
  return fmt::format("{:.1f} kB", bytes / 1e3);
}

std::vector<StepInfo> explain_steps(const Program& program) {
  std::vector<StepInfo> steps;
  for (const PlannedStep& step : program.plan().steps) {
    StepInfo info;
    info.from = origin(*step.node);
    info.type = to_string(step.node->types[0]);
    info.layout = name(step.node->layout(0));
    if (!step.kernel) {
      info.what = "copy";
      info.kernel = copy_name(program.plan(), step);
      info.bytes = 2.0 * static_cast<double>(step.node->types[0].bytes());
    } else {
      const Cost cost = cost_of(*step.node);
      info.what = describe(*step.node);
      info.kernel = step.kernel->name;
      info.flops = cost.flops;
      info.bytes = cost.bytes;
      info.refused = refusals(program.backend(), step);
    }
    steps.push_back(std::move(info));
  }
  return steps;
}

ProgramSize measure_size(const Program& program) {
  ProgramSize size;
  const Plan& plan = program.plan();
  size.nodes = static_cast<int64_t>(program.graph().nodes().size());
  size.steps = static_cast<int64_t>(plan.steps.size());
  for (const StepInfo& step : explain_steps(program)) {
    size.flops += step.flops;
    size.bytes += step.bytes;
  }
  size.recomputed = program.recomputed();
  size.recomputed_flops = program.recomputed_flops();
  size.arena_bytes = plan.arena_bytes;
  for (const PlannedState& s : plan.states) size.state_bytes += s.state->type().bytes();
  for (const BufferPtr& constant : plan.constants) size.constant_bytes += constant->bytes();
  for (const Storage& s : plan.storages) {
    if (s.place == Place::arena) size.unshared_bytes += s.bytes;
  }
  for (const PlannedStep& step : plan.steps) size.unshared_bytes += step.scratch_bytes;
  return size;
}

double roofline_seconds(const StepInfo& step, Arithmetic precision) {
  const MachinePeak& peak = machine_peak();
  return std::max(step.flops / (peak_gflops(peak, precision) * 1e9),
                  step.bytes / (peak.copy_gbytes * 1e9));
}

namespace {

std::string reasons(const StepInfo& step) {
  std::string out;
  if (!step.from.empty()) out += fmt::format("{:>9}of {}\n", "", step.from);
  for (const std::string& refusal : step.refused) out += fmt::format("{:>9}not {}\n", "", refusal);
  return out;
}

std::string type_text(const StepInfo& step) {
  return step.layout == name(Layout::plain) ? step.type : step.type + "@" + step.layout;
}

std::string summary(const Program& program) {
  const ProgramSize size = measure_size(program);
  std::string out = fmt::format("{} nodes, {} steps, {:.3f} GFLOP, {} read and written\n",
                                size.nodes, size.steps, size.flops / 1e9, bytes_text(size.bytes));
  out += fmt::format(
      "memory: {} activations and scratch ({} without sharing), {} states, {} "
      "constants\n",
      bytes_text(static_cast<double>(size.arena_bytes)),
      bytes_text(static_cast<double>(size.unshared_bytes)),
      bytes_text(static_cast<double>(size.state_bytes)),
      bytes_text(static_cast<double>(size.constant_bytes)));
  if (size.recomputed > 0) {
    out += fmt::format("to save memory {} nodes are computed again: {:.3f} GFLOP more ({:.1f} %)\n",
                       size.recomputed, size.recomputed_flops / 1e9,
                       100 * size.recomputed_flops / (size.flops - size.recomputed_flops));
  }
  return out;
}

}  // namespace

std::string explain(const Program& program, bool why) {
  std::string out = fmt::format("{:>5}  {:<40} {:<28} {:<24} {:>10} {:>10}\n", "step", "node",
                                "output", "kernel", "MFLOP", "bytes");
  int index = 0;
  for (const StepInfo& step : explain_steps(program)) {
    out += fmt::format("{:>5}  {:<40} {:<28} {:<24} {:>10.3f} {:>10}\n", index++, step.what,
                       type_text(step), step.kernel, step.flops / 1e6, bytes_text(step.bytes));
    if (why) out += reasons(step);
  }
  return out + summary(program);
}

std::string explain_measured(const Program& program, const std::vector<StepInfo>& steps,
                             Arithmetic precision) {
  std::string out = fmt::format("{:>5}  {:<40} {:<28} {:<24} {:>10} {:>10}\n", "step", "node",
                                "output", "kernel", "us", "% roofline");
  int index = 0;
  for (const StepInfo& step : steps) {
    out += fmt::format("{:>5}  {:<40} {:<28} {:<24} {:>10.1f} {:>10.1f}\n", index++, step.what,
                       type_text(step), step.kernel, 1e6 * step.seconds,
                       100 * roofline_seconds(step, precision) / step.seconds);
    out += reasons(step);
  }
  return out + summary(program);
}

}  // namespace suan
