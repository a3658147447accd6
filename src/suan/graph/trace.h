// Trace: what a function being compiled has read, assigned and relied on so far.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "suan/graph/graph.h"
#include "suan/graph/state.h"

namespace suan {

class Trace {
 public:
  Trace();   // becomes the current trace of this thread
  ~Trace();  // and gives way to the one before
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  static Trace* current();

  Tensor read(const StatePtr& state);
  void assign(const StatePtr& state, const Tensor& value);
  std::vector<StateUpdate> updates() const;
  std::vector<StatePtr> states() const;

  // A flag (train or eval) that the traced function looked at: the program is good only while it
  // keeps this value.
  bool guard(const std::shared_ptr<const bool>& flag);
  struct Guard {
    std::shared_ptr<const bool> flag;
    bool value;
  };
  const std::vector<Guard>& guards() const { return guards_; }

  // Sizes that were read as integers ("size(0) of f32[64, 10]"): the graph holds for these only.
  void note_specialisation(std::string text) { specialisations_.push_back(std::move(text)); }
  const std::vector<std::string>& specialisations() const { return specialisations_; }

 private:
  struct Entry {
    StatePtr state;
    Tensor value;
    bool assigned = false;
  };
  Entry& entry(const StatePtr& state);
  Trace* previous_;
  std::vector<Entry> entries_;
  std::vector<Guard> guards_;
  std::vector<std::string> specialisations_;
};

// Reads a train/eval flag so that a trace knows about it.
bool read_flag(const std::shared_ptr<const bool>& flag);

}  // namespace suan
