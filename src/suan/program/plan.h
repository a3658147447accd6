// The static memory plan: which values share which storage, and where it lies in the arena.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/kernel.h"

namespace suan {

enum class Place : uint8_t {
  arena,     // scratch memory of the run context, at a fixed offset
  input,     // an argument of the call
  constant,  // data held by the graph
  state,     // the current block of a state
  fresh,     // a block of its own: an output, or the new value of a state
  nowhere,   // nobody reads it
};

struct Storage {
  Place place = Place::nowhere;
  size_t bytes = 0;
  size_t offset = 0;  // arena
  int index = -1;     // which input, state or fresh block; for a constant, of the constants
  int first = 0;      // step that writes it first
  int last = -1;      // step that uses it last
  bool on_device = false;
};

struct PlannedStep {
  NodePtr node;
  const Kernel* kernel = nullptr;  // null: a copy of its input's bytes, from wherever they are
  std::unique_ptr<Call> call;
  std::vector<int> in, out;  // storage of each operand; -1 for an absent one
  size_t scratch_bytes = 0;
  size_t scratch_offset = 0;
  bool on_device = false;  // of a kernel
  size_t together = 1;     // this and the following together - 1 steps run as one parallel loop
};

// What becomes of a state: updates[k] is the storage of its new value, or -1 when it is only read.
struct PlannedState {
  std::shared_ptr<State> state;
  int current = -1;  // storage of the value read; -1: only written
  int next = -1;     // storage of the new value; equal to `current` where it is updated in place
};

struct Plan {
  std::vector<Storage> storages;
  std::vector<PlannedStep> steps;
  std::vector<PlannedState> states;
  std::vector<BufferPtr> constants;
  std::vector<int> inputs;   // storage of each argument (-1: unused)
  std::vector<int> outputs;  // storage of each result
  int fresh_count = 0;
  size_t arena_bytes = 0;       // where the backend's own kernels work
  size_t host_arena_bytes = 0;  // of a backend with a device: where its fallbacks' kernels work
};

// Chooses a kernel for every node and lays out memory: for a backend with a device there, but for
// what kernels of its fallbacks work on; where the two meet, copies are steps of the plan. Throws
// Error(kUnsupported) when no kernel takes a node, with every kernel's reason.
Plan make_plan(const Graph& graph, const Backend& backend);

// Offsets such that intervals [first, last] that overlap in time do not overlap in memory: largest
// first, each into the tightest gap. Returns the arena's size.
struct Interval {
  size_t bytes;
  int first, last;
  size_t offset;
};
size_t pack_intervals(std::vector<Interval>& intervals);

}  // namespace suan
