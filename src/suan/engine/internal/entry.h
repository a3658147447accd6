// A program that an engine keeps, for one set of argument types, and the contexts that run it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "suan/formats/onnx/value.h"
#include "suan/program/program.h"

namespace suan {

// What one run at a time needs.
struct Lane {
  explicit Lane(ProgramPtr program)
      : context(std::move(program)),
        padded(context.program().graph().inputs.size()),
        inputs(padded.size()),
        outputs(context.program().graph().outputs.size()) {}
  RunContext context;
  std::vector<BufferPtr> padded;  // inputs that were padded
  std::vector<void*> inputs, outputs;
};

struct Entry {
  std::vector<Type> types;          // of the arguments' tensors
  std::string structure;            // of the arguments; empty: all are tensors
  std::string reason;               // not empty: these arguments are interpreted, and why
  std::vector<onnx::Value> values;  // the model's outputs, which hold tensors of `results`
  std::vector<Type> results;        // of the program's outputs
  ProgramPtr program;
  uint64_t used = 0;  // when it was last used; grows
  std::mutex turn;    // of runs that update states

  // A context that nobody uses; it goes back when its run has ended.
  std::unique_ptr<Lane> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto lane = std::move(free_.back());
        free_.pop_back();
        return lane;
      }
    }
    return std::make_unique<Lane>(program);
  }
  void give(std::unique_ptr<Lane> lane) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(lane));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Lane>> free_;
};
using EntryPtr = std::shared_ptr<Entry>;

// Holds a context for one run. Runs that update states (of random numbers) come one after another.
class Lease {
 public:
  explicit Lease(Entry& entry) : entry_(entry), lane_(entry.take()) {
    if (!entry.program->plan().states.empty()) turn_ = std::unique_lock(entry.turn);
  }
  ~Lease() { entry_.give(std::move(lane_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Lane* operator->() const { return lane_.get(); }

 private:
  Entry& entry_;
  std::unique_ptr<Lane> lane_;
  std::unique_lock<std::mutex> turn_;
};

}  // namespace suan
