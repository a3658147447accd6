// The stack of open traces of a thread.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/trace.h"

namespace suan {

namespace {
thread_local Trace* current_trace = nullptr;
}  // namespace

Trace::Trace() : previous_(current_trace) { current_trace = this; }
Trace::~Trace() { current_trace = previous_; }
Trace* Trace::current() { return current_trace; }

Trace::Entry& Trace::entry(const StatePtr& state) {
  for (Entry& e : entries_) {
    if (e.state == state) return e;
  }
  entries_.push_back({state, make_state_leaf(state)});
  return entries_.back();
}

Tensor Trace::read(const StatePtr& state) { return entry(state).value; }

void Trace::assign(const StatePtr& state, const Tensor& value) {
  Entry& e = entry(state);
  e.value = value;
  e.assigned = true;
}

std::vector<StateUpdate> Trace::updates() const {
  std::vector<StateUpdate> updates;
  for (const Entry& e : entries_) {
    if (e.assigned) updates.push_back({e.state, e.value});
  }
  return updates;
}

std::vector<StatePtr> Trace::states() const {
  std::vector<StatePtr> states;
  for (const Entry& e : entries_) states.push_back(e.state);
  return states;
}

bool Trace::guard(const std::shared_ptr<const bool>& flag) {
  for (const Guard& g : guards_) {
    if (g.flag == flag) return g.value;
  }
  guards_.push_back({flag, *flag});
  return *flag;
}

bool read_flag(const std::shared_ptr<const bool>& flag) {
  Trace* trace = Trace::current();
  return trace ? trace->guard(flag) : *flag;
}

}  // namespace suan
