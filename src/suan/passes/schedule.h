// Schedule: which nodes of a graph run in which order, and what lies in memory at each step. A node
// may stand in the order more than once: every reader takes the latest result before it, so nothing
// but the order has to change for a value to be dropped and computed again.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <unordered_map>
#include <vector>

#include "suan/graph/graph.h"

namespace suan {

// What the kernel of a node needs in memory.
struct StepMemory {
  size_t scratch_bytes = 0;
  bool in_place = false;    // an output may lie in the memory of an input that dies there
  bool writes_all = false;  // outputs that nobody reads have memory too
};
using StepMemoryOf = std::function<StepMemory(const Node&)>;  // null: StepMemory()

// The nodes of a graph that run (leaves and views do not), by index in node order. A value is an
// output of one of them; it lies in the arena unless it is a result of the graph.
class StepGraph {
 public:
  explicit StepGraph(const Graph& graph, const StepMemoryOf& memory_of = nullptr);

  struct Value {
    int step = 0, output = 0;
    size_t bytes = 0;      // rounded up as the memory plan does
    bool in_arena = true;  // false: a result, with a block of its own to the end
  };
  struct Step {
    NodePtr node;
    std::vector<int> in;  // values read, each once
    int first_out = 0;    // its outputs are the values [first_out, first_out + outputs)
    int outputs = 0;
    std::vector<int> before;                    // steps that overwrite states which this one reads
    std::vector<std::pair<int, int>> in_place;  // (output, value read) that may share memory
    StepMemory memory;
    double flops = 0, seconds = 0;  // seconds: of a nominal machine, to compare steps
    bool has_result = false;        // such a step runs once
  };
  const std::vector<Step>& steps() const { return steps_; }
  const std::vector<Value>& values() const { return values_; }
  const Step& step(int i) const { return steps_[static_cast<size_t>(i)]; }
  const Value& value(int i) const { return values_[static_cast<size_t>(i)]; }

  // The order of the graph, but that updates which need nothing computed come last: states such as
  // random counters are then there to be read to the end.
  std::vector<int> initial_order() const;
  // The graph that runs in this order; a later result of a step takes the place of an earlier one.
  Graph build(const std::vector<int>& order) const;

 private:
  int value_of(const Tensor& t) const;  // -1: a leaf, or a view of one
  void add_step(const NodePtr& node, const StepMemoryOf& memory_of);
  void add_results();
  void add_state_readers();

  const Graph graph_;
  std::vector<Step> steps_;
  std::vector<Value> values_;
  std::unordered_map<const Node*, int> index_;
};

// What lies in memory when the steps run in some order. A result is an output of the step at one
// position of the order.
struct MemoryProfile {
  std::vector<int> order;     // without steps whose results nobody reads
  std::vector<size_t> bytes;  // at each position
  size_t peak = 0;
  int peak_at = 0;
  double flops = 0, seconds = 0;
  // Position i has the results from first_result[i] on and reads reads[first_read[i] + k] for the
  // k-th value that its step reads. Both end with a total.
  std::vector<int> first_result, first_read, reads;
  std::vector<int> last_use;  // position that reads a result last; -1: none
};
MemoryProfile profile_memory(const StepGraph& graph, const std::vector<int>& order);

}  // namespace suan
