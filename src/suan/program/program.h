// Program: a compiled graph. An ordered list of kernel calls over a static memory plan; immutable,
// and shared by threads. A RunContext owns the memory of one run at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "suan/backend/kernel.h"
#include "suan/passes/pass.h"
#include "suan/program/operand_table.h"

namespace suan {

struct ProgramOptions {
  Arithmetic precision = Arithmetic::f32;  // all but f32: passes/precision.h
  // Bytes of activations and scratch; 0: no limit. Where they do not suffice, values are computed
  // again rather than kept (passes/recompute.h); the results stay the same to the bit.
  size_t memory_budget = 0;
  // Bytes of all that a run takes, constants too: a graph that needs more is refused before it is
  // allocated. 0: no limit.
  size_t memory_limit = 0;
  // No kernel that takes much more memory than its operands to be faster (Winograd's).
  bool small_memory = false;
  std::vector<std::string> without = {};  // passes to leave out, by name
};

class Program {
 public:
  // Optimises the graph for the backend's target and plans it.
  static std::shared_ptr<const Program> build(const Graph& graph, const Backend& backend,
                                              const ProgramOptions& options = {});
  // Plans a graph that has been through the passes (graph() of a program, on whatever machine):
  // only layouts are chosen again, unless that pass is left out; other passes do not matter.
  static std::shared_ptr<const Program> from_optimised(const Graph& graph, const Backend& backend,
                                                       const ProgramOptions& options = {});

  const Graph& graph() const { return graph_; }  // after the passes
  const Plan& plan() const { return plan_; }
  const Backend& backend() const { return *backend_; }
  const std::vector<PassTiming>& pass_times() const { return pass_times_; }  // of those that ran
  double flops() const { return flops_; }  // of one run, counted by the ops' own rules
  // Nodes that run once more because of the memory budget, and what they add to flops().
  int64_t recomputed() const { return recomputed_; }
  double recomputed_flops() const { return recomputed_flops_; }

 private:
  Program() = default;
  static std::shared_ptr<const Program> plan_graph(const Graph& optimised, const Backend& backend,
                                                   const ProgramOptions& options,
                                                   std::vector<PassTiming> times = {});
  Graph graph_;
  Plan plan_;
  const Backend* backend_ = nullptr;
  std::vector<PassTiming> pass_times_;
  double flops_ = 0;
  int64_t recomputed_ = 0;
  double recomputed_flops_ = 0;
};
using ProgramPtr = std::shared_ptr<const Program>;

class DeviceRun;
class Timeline;

class RunContext {
 public:
  explicit RunContext(ProgramPtr program);
  ~RunContext();

  // Runs the program on these argument blocks; states are read and replaced. Gives one block per
  // output. After the first run nothing is allocated, but for outputs that the caller still holds.
  // On a device it returns when the work is under way; reading an output waits for it, and throws
  // what it failed with.
  std::span<const BufferPtr> run(std::span<const BufferPtr> inputs);
  // The same on addresses, one per input. Where an address is given for an output, it is written
  // there and its block is null. Such memory must not overlap any other.
  std::span<const BufferPtr> run_on(std::span<void* const> inputs, std::span<void* const> outputs);

  const Program& program() const { return *program_; }
  // Where set, the seconds each step took are added here, one number per step.
  std::vector<double>* profile = nullptr;
  // Where set too, of a device that tells the time of its steps by this: those of the host alone.
  Timeline* timeline = nullptr;

 private:
  void bind(std::span<void* const> inputs, std::span<void* const> outputs);
  void take_outputs(std::span<void* const> outputs);
  void run_steps();
  KernelArgs arguments(size_t step);
  void run_step(size_t step);
  void run_together(size_t first, size_t count);
  void finish_states();

  ProgramPtr program_;
  std::unique_ptr<DeviceRun> device_;  // of a backend with a device: all else is then unused
  BufferPtr arena_;
  OperandTable operands_;
  std::vector<BufferPtr> fresh_;
  std::vector<void*> given_;      // for each fresh block the caller's memory that takes its place
  std::vector<void*> inputs_;     // addresses of blocks that run() was given
  std::vector<void*> addresses_;  // by storage
  std::vector<BufferPtr> outputs_;
  RunErrors errors_;
};

}  // namespace suan
