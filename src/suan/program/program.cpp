// Building and running programs.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/program.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/base/thread_role.h"
#include "suan/base/threads.h"
#include "suan/graph/pending.h"
#include "suan/graph/state.h"
#include "suan/ops/op.h"
#include "suan/program/budget.h"
#include "suan/program/choice.h"
#include "suan/program/device_run.h"

namespace suan {

namespace {

// The memory of a graph's constants that is there already.
size_t constant_bytes(const Graph& graph) {
  std::unordered_set<const Buffer*> counted;
  size_t bytes = 0;
  for (const NodePtr& node : graph.nodes()) {
    if (!is(*node, Op::constant)) continue;
    const Buffer& block = *node->values[0];
    bytes += block.is_made() && counted.insert(&block).second ? block.bytes() : 0;
  }
  return bytes;
}

// What is allocated while f makes a program of the graph keeps to the limit.
template <class F>
ProgramPtr within_limit(const Graph& graph, const ProgramOptions& options, const F& f) {
  if (options.memory_limit == 0) return f();
  const MemoryLimit memory(options.memory_limit, constant_bytes(graph), "program");
  return f();
}

void check_memory(const Plan& plan, size_t limit) {
  size_t data = 0, constants = 0;
  for (const Storage& s : plan.storages) {
    if (s.place == Place::input || s.place == Place::fresh) data += s.bytes;
    if (s.place == Place::constant || s.place == Place::state) constants += s.bytes;
  }
  const size_t arenas = plan.arena_bytes + plan.host_arena_bytes, all = arenas + data + constants;
  if (limit == 0 || all <= limit) return;
  fail(ErrorCode::kUnsupported, "program",
       "takes {} bytes ({} activations and scratch, {} inputs and results, {} constants and "
       "states), over the limit of {}",
       all, arenas, data, constants, limit);
}

// Once in a process, however many programs there are.
void say_that_tf32_is_f32(const Backend& backend) {
  static std::once_flag said;
  std::call_once(said, [&] {
    log(LogLevel::kWarning, "precision tf32: {} has no TF32 and computes in f32", backend.name);
  });
}

}  // namespace

ProgramPtr Program::build(const Graph& graph, const Backend& backend,
                          const ProgramOptions& options) {
  const PauseTracking pause;
  const SmallMemory small(options.small_memory);
  if (options.precision == Arithmetic::tf32 && !backend.target->tf32) say_that_tf32_is_f32(backend);
  return within_limit(graph, options, [&] {
    std::vector<PassTiming> times;
    const PassOptions passes{.precision = options.precision, .without = options.without};
    const Graph optimised = optimise(graph, *backend.target, passes, &times);
    return plan_graph(optimised, backend, options, std::move(times));
  });
}

ProgramPtr Program::from_optimised(const Graph& graph, const Backend& backend,
                                   const ProgramOptions& options) {
  const PauseTracking pause;
  const SmallMemory small(options.small_memory);
  return within_limit(graph, options, [&] {
    Graph laid_out = without_layouts(graph);
    const auto& without = options.without;
    if (std::find(without.begin(), without.end(), "assign_layouts") == without.end()) {
      laid_out = assign_layouts(laid_out, *backend.target);
    }
    verify(laid_out);
    return plan_graph(laid_out, backend, options);
  });
}

ProgramPtr Program::plan_graph(const Graph& optimised, const Backend& backend,
                               const ProgramOptions& options, std::vector<PassTiming> times) {
  auto program = std::shared_ptr<Program>(new Program());
  program->pass_times_ = std::move(times);
  BudgetedPlan planned = plan_within(optimised, backend, options.memory_budget);
  check_memory(planned.plan, options.memory_limit);
  program->backend_ = &backend;
  program->graph_ = std::move(planned.graph);
  program->plan_ = std::move(planned.plan);
  program->recomputed_ = planned.recomputed;
  program->recomputed_flops_ = planned.recomputed_flops;
  for (const NodePtr& node : program->graph_.nodes()) program->flops_ += cost_of(*node).flops;
  return program;
}

namespace {
// Which fresh block holds an output.
size_t fresh_index(const Plan& plan, size_t output) {
  return static_cast<size_t>(plan.storages[static_cast<size_t>(plan.outputs[output])].index);
}
}  // namespace

RunContext::~RunContext() = default;

RunContext::RunContext(ProgramPtr program) : program_(std::move(program)) {
  const Plan& plan = program_->plan();
  if (program_->backend().device) {
    device_ = std::make_unique<DeviceRun>(std::shared_ptr<const Plan>(program_, &plan),
                                          program_->backend());
    outputs_.resize(plan.outputs.size());
    return;
  }
  arena_ = Buffer::allocate(plan.arena_bytes);
  addresses_.assign(plan.storages.size(), nullptr);
  fresh_.resize(static_cast<size_t>(plan.fresh_count));
  given_.resize(fresh_.size());
  inputs_.resize(plan.inputs.size());
  outputs_.resize(plan.outputs.size());
  for (size_t i = 0; i < plan.storages.size(); ++i) {
    const Storage& s = plan.storages[i];
    if (s.place == Place::arena) addresses_[i] = arena_->as<char>() + s.offset;
    if (s.place == Place::constant) {
      addresses_[i] = plan.constants[static_cast<size_t>(s.index)]->data();
    }
  }
  operands_ = OperandTable(plan, addresses_);
}

void RunContext::bind(std::span<void* const> inputs, std::span<void* const> outputs) {
  const Plan& plan = program_->plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    addresses_[static_cast<size_t>(plan.inputs[i])] = inputs[i];
  }
  std::fill(given_.begin(), given_.end(), nullptr);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i]) given_[fresh_index(plan, i)] = outputs[i];
  }
  for (const PlannedState& s : plan.states) {
    if (s.current < 0) continue;
    // Somebody may hold the block that is about to be overwritten: leave it to them.
    if (s.current == s.next && s.state->buffer().use_count() > 1) {
      s.state->replace(Buffer::copy_of(s.state->buffer()->data(), s.state->type().bytes()));
    }
    addresses_[static_cast<size_t>(s.current)] = s.state->buffer()->data();
  }
  for (size_t i = 0; i < plan.storages.size(); ++i) {
    const Storage& s = plan.storages[i];
    if (s.place != Place::fresh) continue;
    const auto index = static_cast<size_t>(s.index);
    addresses_[i] = given_[index];
    if (given_[index]) continue;
    BufferPtr& block = fresh_[index];
    if (!block || block.use_count() > 1) block = Buffer::allocate(s.bytes);
    std::atomic_thread_fence(std::memory_order_acquire);  // whoever let go of it has read it
    addresses_[i] = block->data();
  }
  operands_.set(addresses_);
}

void RunContext::run_steps() {
  using Clock = std::chrono::steady_clock;
  const Plan& plan = program_->plan();
  if (profile) profile->resize(plan.steps.size());
  // After a fault values may never have been written, and need not be numbers of their dtype.
  for (size_t i = 0; i < plan.steps.size() && !errors_.any(); ++i) {
    if (!profile && plan.steps[i].together > 1) {
      run_together(i, plan.steps[i].together);
      i += plan.steps[i].together - 1;
      continue;
    }
    const auto start = profile ? Clock::now() : Clock::time_point();
    run_step(i);
    if (profile) (*profile)[i] += std::chrono::duration<double>(Clock::now() - start).count();
  }
}

KernelArgs RunContext::arguments(size_t i) {
  const PlannedStep& step = program_->plan().steps[i];
  return {operands_.inputs(i), operands_.outputs(i), arena_->as<char>() + step.scratch_offset,
          errors_};
}

void RunContext::run_step(size_t i) {
  const PlannedStep& step = program_->plan().steps[i];
  const KernelArgs args = arguments(i);
  if (step.kernel) {
    step.call->run(args);
  } else {
    std::memcpy(args.out[0].data, args.in[0].data,
                program_->plan().storages[static_cast<size_t>(step.out[0])].bytes);
  }
}

// One loop over the parts of all these steps; each thread takes an even share of their cost.
void RunContext::run_together(size_t first, size_t count) {
  const std::span steps(program_->plan().steps.data() + first, count);
  int64_t total = 0;
  for (const PlannedStep& s : steps) total += s.call->parts() * s.call->part_cost();
  const int64_t pieces = std::clamp<int64_t>(total / kThreadWork, 1, num_threads());
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    const int64_t from = total * begin / pieces, to = total * end / pieces;
    int64_t start = 0;  // the cost of the steps before
    for (size_t i = 0; i < count; ++i) {
      const int64_t parts = steps[i].call->parts(), cost = steps[i].call->part_cost();
      const int64_t low = std::clamp<int64_t>((from - start + cost - 1) / cost, 0, parts);
      const int64_t high = std::clamp<int64_t>((to - start + cost - 1) / cost, 0, parts);
      if (low < high) steps[i].call->run_parts(arguments(first + i), low, high);
      start += parts * cost;
    }
  });
}

void RunContext::finish_states() {
  for (const PlannedState& s : program_->plan().states) {
    if (s.next < 0) continue;
    if (s.next == s.current) {
      s.state->replace(s.state->buffer());
      continue;
    }
    const Storage& next = program_->plan().storages[static_cast<size_t>(s.next)];
    BufferPtr old = s.state->buffer();
    BufferPtr& block = fresh_[static_cast<size_t>(next.index)];
    s.state->replace(block);
    // The old block serves the next run, unless it is of a size of its own or held by somebody.
    block = old->bytes() == next.bytes ? std::move(old) : nullptr;
  }
}

// An output may share its block with an equal one that is wanted elsewhere.
void RunContext::take_outputs(std::span<void* const> outputs) {
  const Plan& plan = program_->plan();
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const size_t index = fresh_index(plan, i);
    void* const wanted = i < outputs.size() ? outputs[i] : nullptr;
    const size_t bytes = plan.storages[static_cast<size_t>(plan.outputs[i])].bytes;
    if (!given_[index]) {
      outputs_[i] = fresh_[index];
    } else if (!wanted) {
      outputs_[i] = Buffer::copy_of(given_[index], bytes);
    } else if (wanted != given_[index]) {
      std::memcpy(wanted, given_[index], bytes);
    }
  }
}

std::span<const BufferPtr> RunContext::run(std::span<const BufferPtr> inputs) {
  if (device_) {
    device_->profile = profile;
    device_->timeline = timeline;
    device_->run(inputs, {}, {}, outputs_);
    return outputs_;
  }
  for (size_t i = 0; i < inputs_.size(); ++i) inputs_[i] = inputs[i]->data();
  return run_on(inputs_, {});
}

std::span<const BufferPtr> RunContext::run_on(std::span<void* const> inputs,
                                              std::span<void* const> outputs) {
  follow_thread_budget();
  if (device_) {
    device_->profile = profile;
    device_->timeline = timeline;
    device_->run({}, inputs, outputs, outputs_);
    return outputs_;
  }
  for (BufferPtr& b : outputs_) b.reset();
  bind(inputs, outputs);
  run_steps();
  errors_.throw_if_any();
  take_outputs(outputs);
  finish_states();
  return outputs_;
}

}  // namespace suan
