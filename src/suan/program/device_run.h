// Running a program on a device. Its kernels only ever see the same addresses: inputs are copied to
// a place of their own and results from one, so that a run can be recorded once and played.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "suan/backend/device.h"
#include "suan/program/operand_table.h"

namespace suan {

class DeviceRun {
 public:
  // Throws Error(kSystem) that says what takes the memory, where there is not enough.
  DeviceRun(std::shared_ptr<const Plan> plan, const Backend& backend);
  ~DeviceRun();

  // As RunContext::run and run_on: an input is a block, or an address in host memory where there is
  // none. Returns when the work has been sent; what it fails with is thrown when somebody waits,
  // what is wrong with the data when its results are read. The first run waits for every step, and
  // so does every run where CUDA_LAUNCH_BLOCKING is 1: then what fails is thrown with its node.
  void run(std::span<const BufferPtr> blocks, std::span<void* const> addresses,
           std::span<void* const> wanted, std::vector<BufferPtr>& results);
  std::vector<double>* profile = nullptr;  // these two as of RunContext
  Timeline* timeline = nullptr;

 private:
  class FaultCheck;
  void place_storages();
  void allocate(size_t bytes);
  void bind_states();
  void send_inputs(std::span<const BufferPtr> blocks, std::span<void* const> addresses);
  DataChecks checks_of(std::span<const BufferPtr> blocks) const;
  void check() const;
  void run_steps(bool waiting);
  void run_and_wait(size_t first, size_t count);
  void send(size_t first, size_t count);
  double timed(size_t step);
  void replace_states();
  void play_or_run();
  KernelArgs arguments(size_t step);
  void run_step(size_t step);
  void run_joined(size_t first, size_t count);
  void copy_step(size_t step);
  void keep_results(std::span<void* const> wanted, std::vector<BufferPtr>& results);
  void hand_out(std::span<void* const> wanted);
  BufferPtr result(size_t output, BufferPtr old);

  const Plan& plan_;
  Device& device_;
  DeviceBlockPtr arena_;  // also inputs and fresh blocks
  BufferPtr host_arena_;
  std::vector<DeviceBlockPtr> constants_;  // keeps them there
  std::vector<size_t> offsets_;            // within arena_, by storage
  std::vector<void*> addresses_;           // by storage
  OperandTable operands_;
  std::vector<void*> states_;  // addresses at the last run
  bool mixed_ = false;         // some steps run on the host
  bool ready_ = false;         // it has run on these addresses
  std::unique_ptr<Recording> recording_;
  std::shared_ptr<FaultCheck> fault_;
  DataChecks checks_;  // of the last run: its own and those of what it read
  RunErrors errors_;
};

// The block's copy on the device, made if it is not there.
DeviceBlockPtr on_device(const BufferPtr& block, Device& device);

}  // namespace suan
