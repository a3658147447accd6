// Lazy values: reading one compiles and runs what it needs, with programs cached by structure.
// SPDX-License-Identifier: Apache-2.0
#include <list>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/graph/pending.h"
#include "suan/graph/trace.h"
#include "suan/program/choice.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"

namespace suan {
namespace {

// The graph of `wanted`, cut where values are known: those become inputs, with their blocks.
Graph cut_at_values(const std::vector<Tensor>& wanted, std::vector<BufferPtr>& blocks) {
  Graph graph;
  ValueMap map;
  const auto operand = [&](const Tensor& t) -> Tensor {
    if (!t) return {};
    if (const Tensor* to = map.find(t)) return *to;
    if (const BufferPtr* value = t.node().value(t.output())) {
      const Tensor input = make_input(t.type(), "");
      graph.inputs.push_back(input);
      blocks.push_back(*value);
      map.set(t, input);
      return input;
    }
    return t;
  };
  for (const NodePtr& node : unvalued_nodes(wanted)) {
    if (!node->op->infer) continue;
    std::vector<Tensor> inputs;
    for (const Tensor& t : node->inputs) inputs.push_back(operand(t));
    const NodePtr copy = with_inputs(*node, std::move(inputs));
    for (size_t i = 0; i < node->types.size(); ++i) {
      map.set({node, static_cast<int>(i)}, {copy, static_cast<int>(i)});
    }
  }
  for (const Tensor& t : wanted) graph.outputs.push_back(operand(t));
  return graph;
}

// Recently used programs of lazy graphs.
class ProgramCache {
 public:
  RunContext& find(const Graph& graph) {
    const Backend& backend = current_backend();
    std::string key = fmt::format("{} {} {} {} ", reinterpret_cast<uintptr_t>(&backend),
                                  num_threads(), exact_mode(), reproducible_mode()) +
                      structure_key(graph);
    const auto it = index_.find(key);
    if (it != index_.end()) {
      order_.splice(order_.begin(), order_, it->second);
      return *it->second->second;
    }
    order_.emplace_front(key, std::make_unique<RunContext>(Program::build(graph, backend)));
    index_[std::move(key)] = order_.begin();
    if (order_.size() > kCapacity) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    return *order_.front().second;
  }
  std::recursive_mutex mutex;

 private:
  static constexpr size_t kCapacity = 256;
  std::list<std::pair<std::string, std::unique_ptr<RunContext>>> order_;
  std::unordered_map<std::string, decltype(order_)::iterator> index_;
};

ProgramCache& cache() {
  static ProgramCache cache;
  return cache;
}

}  // namespace

bool realise_pending(const NodePtr& node) {
  constexpr size_t kWorthIt = 1000;
  const std::vector<Tensor> wanted{Tensor(node, 0)};
  const std::vector<NodePtr> needed = unvalued_nodes(wanted);
  if (needed.size() < kWorthIt) return false;
  // A leaf without a value is an input: this is a graph made by hand, not a lazy value.
  const bool by_hand = std::any_of(needed.begin(), needed.end(),
                                   [](const NodePtr& n) { return !n->op->infer && !n->value(0); });
  if (!by_hand) realise(wanted);
  return true;
}

void realise(const std::vector<Tensor>& tensors) {
  if (Trace::current()) {
    fail("read", "a value is read inside a traced function, where it is not known yet");
  }
  std::vector<Tensor> wanted;
  for (const Tensor& t : tensors) {
    if (!t.node().value(t.output())) wanted.push_back(t);
  }
  if (wanted.empty()) return;
  const PauseTracking pause;
  const std::lock_guard lock(cache().mutex);
  std::vector<BufferPtr> blocks;
  const Graph graph = cut_at_values(wanted, blocks);
  const auto outputs = cache().find(graph).run(blocks);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Node& node = wanted[i].node();
    node.values.resize(node.types.size());
    node.values[static_cast<size_t>(wanted[i].output())] = outputs[i];
  }
  reset_pending();
}

void realise(const std::vector<StatePtr>& states) {
  std::vector<Tensor> values;
  for (const StatePtr& state : states) values.push_back(state->read());
  realise(values);
  for (const StatePtr& state : states) state->buffer();
}

Array Tensor::array() const {
  if (!node().value(output_)) realise(std::vector<Tensor>{*this});
  if (Trace::current() && !node().value(output_)) fail("read", "a value is read inside a trace");
  return {dtype(), shape(), *node().value(output_)};
}

double Tensor::item() const {
  if (shape().numel() != 1) {
    fail("item", "got {} elements (shape {}), expected one", shape().numel(), to_string(shape()));
  }
  const Array a = array();
  return visit(a.dtype, [&](auto tag) -> double {
    using T = typename decltype(tag)::type;
    return static_cast<double>(*a.as<T>());
  });
}

}  // namespace suan
