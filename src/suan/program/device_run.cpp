// Sending a program's steps to a device, or playing what was recorded of them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/device_run.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/graph/state.h"
#include "suan/program/shortage.h"

namespace suan {
namespace {

// As the CUDA runtime reads it.
bool waits_for_every_step() {
  static const bool wanted = [] {
    const char* text = std::getenv("CUDA_LAUNCH_BLOCKING");
    return text && std::string_view(text) == "1";
  }();
  return wanted;
}

}  // namespace

// What the kernels of this program report. Blocks that runs have written know it.
class DeviceRun::FaultCheck final : public DataCheck {
 public:
  FaultCheck(std::shared_ptr<const Plan> plan, Device& device)
      : plan_(std::move(plan)), block_(device.allocate_shared(sizeof(Fault))) {
    *block_->as<Fault>() = {};
  }
  Fault* address() const { return block_->as<Fault>(); }
  void throw_if_failed() override {
    const std::lock_guard lock(mutex_);
    Fault& fault = *address();
    if (!fault.taken) return;
    const Fault found = fault;
    fault = {};
    throw error_of(found, *plan_->steps[static_cast<size_t>(found.step)].node);
  }

 private:
  std::shared_ptr<const Plan> plan_;
  BufferPtr block_;
  std::mutex mutex_;
};

DeviceBlockPtr on_device(const BufferPtr& block, Device& device) {
  DeviceBlockPtr there = block->device_block();
  if (there && there->device() == &device) return there;
  there = device.allocate(block->bytes());
  device.upload(there->address(), block->data(), block->bytes());
  block->keep_on_device(there);
  return there;
}

DeviceRun::DeviceRun(std::shared_ptr<const Plan> plan, const Backend& backend)
    : plan_(*plan), device_(*backend.device) {
  fault_ = std::make_shared<FaultCheck>(std::move(plan), device_);  // it owns the plan
  place_storages();
  operands_ = OperandTable(plan_, addresses_);
  mixed_ = std::any_of(plan_.steps.begin(), plan_.steps.end(),
                       [](const PlannedStep& step) { return step.kernel && !step.on_device; });
}

// What has been sent may still write to the fault and the arena.
DeviceRun::~DeviceRun() {
  try {
    device_.wait();
    fault_->throw_if_failed();
  } catch (const Error& error) {
    // What the device fails with, all who use it see. A fault in data nobody has read is theirs.
    if (error.code() != ErrorCode::kSystem) log(LogLevel::kWarning, "{}", error.what());
  }
}

void DeviceRun::allocate(size_t bytes) {
  try {
    arena_ = device_.allocate(std::max<size_t>(bytes, 1));
  } catch (const OutOfDeviceMemory& error) {
    fail(ErrorCode::kSystem, device_.name(), "out of memory: {}",
         explain_shortage(plan_, bytes, error.free, error.total));
  }
}

// The arena of the plan, then the inputs and what leaves the program.
void DeviceRun::place_storages() {
  offsets_.assign(plan_.storages.size(), 0);
  addresses_.assign(plan_.storages.size(), nullptr);
  size_t end = aligned(plan_.arena_bytes), host_end = aligned(plan_.host_arena_bytes);
  for (size_t i = 0; i < plan_.storages.size(); ++i) {
    const Storage& s = plan_.storages[i];
    if (s.place == Place::arena) offsets_[i] = s.offset;
    if (s.place != Place::input && s.place != Place::fresh) continue;
    size_t& at = s.on_device ? end : host_end;
    offsets_[i] = std::exchange(at, at + aligned(s.bytes));
  }
  allocate(end);
  host_arena_ = Buffer::allocate(host_end);
  for (size_t i = 0; i < plan_.storages.size(); ++i) {
    const Storage& s = plan_.storages[i];
    if (s.place == Place::constant) {
      const BufferPtr& constant = plan_.constants[static_cast<size_t>(s.index)];
      if (s.on_device) constants_.push_back(on_device(constant, device_));
      addresses_[i] = s.on_device ? constants_.back()->address() : constant->data();
    } else if (s.place != Place::state && s.place != Place::nowhere) {
      char* base = s.on_device ? static_cast<char*>(arena_->address()) : host_arena_->as<char>();
      addresses_[i] = base + offsets_[i];
    }
  }
}

// A state that is written has its block for itself; where somebody holds the old value, it is left
// to them.
void DeviceRun::bind_states() {
  std::vector<void*> found;
  for (const PlannedState& s : plan_.states) {
    State& state = *s.state;
    DeviceBlockPtr block = on_device(state.buffer(), device_);
    if (s.next >= 0 && state.buffer().use_count() > 1) {
      const size_t bytes = state.type().bytes();
      DeviceBlockPtr own = device_.allocate(bytes);
      device_.copy(own->address(), block->address(), bytes);
      state.replace(Buffer::on_device(bytes, own));
      block = std::move(own);
    }
    found.push_back(block->address());
    if (s.current >= 0) addresses_[static_cast<size_t>(s.current)] = block->address();
  }
  if (found == states_) return;
  states_ = std::move(found);
  recording_.reset();
  ready_ = false;
  operands_.set(addresses_);
}

void DeviceRun::send_inputs(std::span<const BufferPtr> blocks, std::span<void* const> addresses) {
  for (size_t i = 0; i < plan_.inputs.size(); ++i) {
    const auto storage = static_cast<size_t>(plan_.inputs[i]);
    const size_t bytes = plan_.storages[storage].bytes;
    const DeviceBlockPtr there = blocks.empty() ? nullptr : blocks[i]->device_block();
    if (there && there->device() == &device_) {
      device_.copy(addresses_[storage], there->address(), bytes);
    } else if (!there || !device_.copy_from(*there, addresses_[storage], bytes)) {
      const void* host = blocks.empty() ? addresses[i] : blocks[i]->data();
      device_.upload(addresses_[storage], host, bytes);
    }
  }
}

DataChecks DeviceRun::checks_of(std::span<const BufferPtr> blocks) const {
  DataChecks checks{fault_};
  for (const BufferPtr& block : blocks) add_checks(checks, block->checks());
  for (const PlannedState& s : plan_.states) add_checks(checks, s.state->buffer()->checks());
  return checks;
}

// To be called when the work has ended.
void DeviceRun::check() const {
  for (const auto& check : checks_) {
    if (const auto alive = check.lock()) alive->throw_if_failed();
  }
}

void DeviceRun::copy_step(size_t i) {
  const PlannedStep& step = plan_.steps[i];
  const Operand &from = operands_.inputs(i)[0], &to = operands_.outputs(i)[0];
  const bool was_there = plan_.storages[static_cast<size_t>(step.in[0])].on_device;
  const bool goes_there = plan_.storages[static_cast<size_t>(step.out[0])].on_device;
  const size_t bytes = plan_.storages[static_cast<size_t>(step.out[0])].bytes;
  if (was_there && goes_there) {
    device_.copy(to.data, from.data, bytes);
  } else if (was_there) {
    device_.download(to.data, from.data, bytes);
    check();
  } else if (goes_there) {
    device_.upload(to.data, from.data, bytes);
  } else {
    std::memcpy(to.data, from.data, bytes);
  }
}

KernelArgs DeviceRun::arguments(size_t i) {
  const PlannedStep& step = plan_.steps[i];
  char* scratch = step.on_device ? static_cast<char*>(arena_->address()) : host_arena_->as<char>();
  KernelArgs args{operands_.inputs(i), operands_.outputs(i), scratch + step.scratch_offset,
                  errors_};
  if (step.on_device) {
    args.device = &device_;
    args.fault = fault_->address();
    args.step = static_cast<int>(i);
  }
  return args;
}

void DeviceRun::run_step(size_t i) {
  const PlannedStep& step = plan_.steps[i];
  if (!step.kernel) return copy_step(i);
  step.call->run(arguments(i));
  if (!step.on_device) errors_.throw_if_any();
}

void DeviceRun::run_joined(size_t first, size_t count) {
  std::vector<const Call*> calls;
  std::vector<KernelArgs> args;
  for (size_t i = first; i < first + count; ++i) {
    calls.push_back(plan_.steps[i].call.get());
    args.push_back(arguments(i));
  }
  calls[0]->run_joined(calls, args);
}

void DeviceRun::run_and_wait(size_t first, size_t count) {
  const PlannedStep& step = plan_.steps[first];
  const bool on_host = step.kernel && !step.on_device;
  try {
    if (profile && (!timeline || on_host)) {
      (*profile)[first] += timed(first);
    } else {
      send(first, count);
      if (step.on_device && !timeline) device_.wait();
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kSystem) throw;
    fail(ErrorCode::kSystem, where_of(*step.node), "{}", error.what());
  }
}

void DeviceRun::send(size_t first, size_t count) {
  if (count > 1) return run_joined(first, count);
  run_step(first);
}

double DeviceRun::timed(size_t step) {
  if (plan_.steps[step].on_device) return device_.seconds_of([&] { run_step(step); });
  device_.wait();
  const auto start = std::chrono::steady_clock::now();
  run_step(step);
  device_.wait();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void DeviceRun::run_steps(bool waiting) {
  const bool apart = profile && !timeline;  // every step is timed by itself
  size_t count = 1;
  for (size_t i = 0; i < plan_.steps.size(); i += count) {
    count = plan_.steps[i].on_device && !apart ? plan_.steps[i].together : 1;
    if (timeline) timeline->mark(static_cast<int>(i));
    if (waiting) {
      run_and_wait(i, count);
    } else {
      send(i, count);
    }
  }
  if (timeline) timeline->mark(-1);
  replace_states();
}

// New values that were not written in place: all readers of the old ones have been sent.
void DeviceRun::replace_states() {
  for (size_t k = 0; k < plan_.states.size(); ++k) {
    const PlannedState& s = plan_.states[k];
    if (s.next < 0 || s.next == s.current) continue;
    device_.copy(states_[k], addresses_[static_cast<size_t>(s.next)], s.state->type().bytes());
  }
}

// The first run on these addresses makes kernels ready, which cannot be recorded.
void DeviceRun::play_or_run() {
  if (profile) profile->resize(plan_.steps.size());
  const bool waiting = profile || timeline || !ready_ || waits_for_every_step();
  if (waiting || mixed_) {
    run_steps(waiting);
    if (!profile) ready_ = true;
    return;
  }
  if (!recording_) recording_ = device_.record([&] { run_steps(false); });
  recording_->play();
}

BufferPtr DeviceRun::result(size_t output, BufferPtr old) {
  const auto storage = static_cast<size_t>(plan_.outputs[output]);
  const Storage& s = plan_.storages[storage];
  if (!s.on_device) return Buffer::copy_of(addresses_[storage], s.bytes);
  const bool reuse = old && old.use_count() == 1 && old->bytes() == s.bytes && old->device_block();
  BufferPtr block =
      reuse ? std::move(old)
            : Buffer::on_device(s.bytes, device_.allocate(std::max<size_t>(s.bytes, 1)));
  device_.copy(block->device_block()->address(), addresses_[storage], s.bytes);
  block->written_on_device(checks_);
  return block;
}

// Those that nobody has given memory for.
void DeviceRun::keep_results(std::span<void* const> wanted, std::vector<BufferPtr>& results) {
  for (size_t i = 0; i < plan_.outputs.size(); ++i) {
    const bool given = i < wanted.size() && wanted[i];
    results[i] = given ? nullptr : result(i, std::move(results[i]));
  }
}

// The others: this waits.
void DeviceRun::hand_out(std::span<void* const> wanted) {
  bool waited = false;
  for (size_t i = 0; i < std::min(wanted.size(), plan_.outputs.size()); ++i) {
    if (!wanted[i]) continue;
    const auto storage = static_cast<size_t>(plan_.outputs[i]);
    const Storage& s = plan_.storages[storage];
    if (s.on_device) device_.download(wanted[i], addresses_[storage], s.bytes);
    if (!s.on_device) std::memcpy(wanted[i], addresses_[storage], s.bytes);
    waited = true;
  }
  if (waited) check();
}

void DeviceRun::run(std::span<const BufferPtr> blocks, std::span<void* const> addresses,
                    std::span<void* const> wanted, std::vector<BufferPtr>& results) {
  // What is not there yet may be computed by a run of its own: before the device is taken.
  for (const PlannedState& s : plan_.states) s.state->buffer();
  for (const BufferPtr& block : blocks) {
    if (!block->device_block()) block->data();
  }
  std::unique_lock lock(device_.mutex);
  checks_ = checks_of(blocks);
  bind_states();
  send_inputs(blocks, addresses);
  // Whatever happens from here on, the host's copies are not the states any more.
  for (const PlannedState& s : plan_.states) {
    if (s.next >= 0) s.state->buffer()->written_on_device(checks_);
  }
  play_or_run();
  for (const PlannedState& s : plan_.states) {
    if (s.next >= 0) s.state->replace(BufferPtr(s.state->buffer()));
  }
  keep_results(wanted, results);
  lock.unlock();
  hand_out(wanted);
}

}  // namespace suan
