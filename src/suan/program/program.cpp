// Building and running programs.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/program.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/graph/pending.h"
#include "suan/graph/state.h"
#include "suan/passes/precision.h"
#include "suan/program/budget.h"

namespace suan {

ProgramPtr Program::build(const Graph& graph, const Backend& backend,
                          const ProgramOptions& options) {
  const PauseTracking pause;
  auto program = std::shared_ptr<Program>(new Program());
  const bool mixed = options.precision != DType::f32;
  const Graph optimised = optimise(mixed ? lower_precision(graph, options.precision) : graph,
                                   *backend.target, options.without, &program->pass_times_);
  BudgetedPlan planned = plan_within(optimised, backend, options.memory_budget);
  program->backend_ = &backend;
  program->graph_ = std::move(planned.graph);
  program->plan_ = std::move(planned.plan);
  program->recomputed_ = planned.recomputed;
  program->recomputed_flops_ = planned.recomputed_flops;
  for (const NodePtr& node : program->graph_.nodes()) program->flops_ += cost_of(*node).flops;
  return program;
}

RunContext::RunContext(ProgramPtr program) : program_(std::move(program)) {
  const Plan& plan = program_->plan();
  arena_ = Buffer::allocate(plan.arena_bytes);
  addresses_.assign(plan.storages.size(), nullptr);
  fresh_.resize(static_cast<size_t>(plan.fresh_count));
  outputs_.resize(plan.outputs.size());
  for (size_t i = 0; i < plan.storages.size(); ++i) {
    const Storage& s = plan.storages[i];
    if (s.place == Place::arena) addresses_[i] = arena_->as<char>() + s.offset;
    if (s.place == Place::constant) {
      addresses_[i] = plan.constants[static_cast<size_t>(s.index)]->data();
    }
  }
  for (const PlannedStep& step : plan.steps) {
    first_operand_.push_back(operands_.size());
    const auto add = [&](int storage, const Tensor& t) {
      Operand operand;
      if (t) operand.type = t.type();
      if (t) operand.layout = layout_of(t);
      if (storage >= 0) operand.data = addresses_[static_cast<size_t>(storage)];
      if (storage >= 0 && !operand.data) patches_.push_back({operands_.size(), storage});
      operands_.push_back(operand);
    };
    if (!step.kernel) {  // a copy
      const Tensor value(step.node, 0);
      add(step.in[0], value);
      add(step.out[0], value);
      continue;
    }
    for (size_t i = 0; i < step.in.size(); ++i) add(step.in[i], step.node->inputs[i]);
    for (size_t i = 0; i < step.out.size(); ++i) add(step.out[i], {step.node, static_cast<int>(i)});
  }
}

void RunContext::bind(std::span<const BufferPtr> inputs) {
  const Plan& plan = program_->plan();
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    addresses_[static_cast<size_t>(plan.inputs[i])] = inputs[i]->data();
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
    BufferPtr& block = fresh_[static_cast<size_t>(s.index)];
    if (!block || block.use_count() > 1) block = Buffer::allocate(s.bytes);
    addresses_[i] = block->data();
  }
  for (const Patch& p : patches_) {
    operands_[p.operand].data = addresses_[static_cast<size_t>(p.storage)];
  }
}

void RunContext::run_steps() {
  using Clock = std::chrono::steady_clock;
  const Plan& plan = program_->plan();
  if (profile) profile->resize(plan.steps.size());
  for (size_t i = 0; i < plan.steps.size(); ++i) {
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
  const std::span<const Operand> all(operands_.data() + first_operand_[i],
                                     step.in.size() + step.out.size());
  return {all.first(step.in.size()), all.last(step.out.size()),
          arena_->as<char>() + step.scratch_offset, errors_};
}

void RunContext::run_step(size_t i) {
  const PlannedStep& step = program_->plan().steps[i];
  const KernelArgs args = arguments(i);
  if (step.kernel) {
    step.call->run(args);
  } else {
    std::memcpy(args.out[0].data, args.in[0].data, args.in[0].type.bytes());
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

std::span<const BufferPtr> RunContext::run(std::span<const BufferPtr> inputs) {
  const Plan& plan = program_->plan();
  for (BufferPtr& b : outputs_) b.reset();
  bind(inputs);
  run_steps();
  errors_.throw_if_any();
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    const Storage& s = plan.storages[static_cast<size_t>(plan.outputs[i])];
    outputs_[i] = fresh_[static_cast<size_t>(s.index)];
  }
  finish_states();
  return outputs_;
}

}  // namespace suan
