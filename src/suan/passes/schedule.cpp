// Orders of the steps of a graph: memory over time, and back to a graph.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/schedule.h"

#include <algorithm>

#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan {
namespace {

// The machine on which costs are compared: ten operations in the time of one byte, as on CPUs with
// wide vectors. Only the ratio matters.
constexpr double kFlopsPerSecond = 1e11, kBytesPerSecond = 1e10;

const Tensor& base_of(const Tensor& t) {
  const Tensor* base = &t;
  while (is_view(base->node())) base = &viewed(*base);
  return *base;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) {
    return x && y ? x.same_as(y) : !x && !y;
  });
}

}  // namespace

StepGraph::StepGraph(const Graph& graph, const StepMemoryOf& memory_of) : graph_(graph) {
  for (const NodePtr& node : graph_.nodes()) {
    if (node->op->infer && !is_view(*node)) add_step(node, memory_of);
  }
  add_results();
  add_state_readers();
}

int StepGraph::value_of(const Tensor& t) const {
  const Tensor& base = base_of(t);
  const auto it = index_.find(&base.node());
  return it == index_.end() ? -1 : step(it->second).first_out + base.output();
}

void StepGraph::add_step(const NodePtr& node, const StepMemoryOf& memory_of) {
  Step step;
  step.node = node;
  step.first_out = static_cast<int>(values_.size());
  step.outputs = static_cast<int>(node->types.size());
  if (memory_of) step.memory = memory_of(*node);
  const Cost cost = cost_of(*node);
  step.flops = cost.flops;
  step.seconds = cost.flops / kFlopsPerSecond + cost.bytes / kBytesPerSecond;
  for (const Tensor& t : node->inputs) {
    const int v = t ? value_of(t) : -1;
    if (v < 0) continue;
    if (std::find(step.in.begin(), step.in.end(), v) == step.in.end()) step.in.push_back(v);
    for (int o = 0; step.memory.in_place && o < step.outputs; ++o) {
      if (node->types[static_cast<size_t>(o)] == t.type() && node->layout(o) == layout_of(t)) {
        step.in_place.emplace_back(step.first_out + o, v);
      }
    }
  }
  const int index = static_cast<int>(steps_.size());
  for (int o = 0; o < step.outputs; ++o) {
    values_.push_back({.step = index,
                       .output = o,
                       .bytes = aligned(node->types[static_cast<size_t>(o)].bytes())});
  }
  index_[node.get()] = index;
  steps_.push_back(std::move(step));
}

void StepGraph::add_results() {
  for (const Tensor& t : graph_.roots()) {
    const int v = value_of(t);
    if (v < 0) continue;
    values_[static_cast<size_t>(v)].in_arena = false;
    steps_[static_cast<size_t>(value(v).step)].has_result = true;
  }
}

void StepGraph::add_state_readers() {
  std::unordered_map<const State*, int> update_of;
  for (const StateUpdate& update : graph_.updates) {
    const int v = value_of(update.value);
    if (v >= 0) update_of[update.state.get()] = value(v).step;
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    for (const Tensor& t : steps_[i].node->inputs) {
      if (!t || !is(base_of(t).node(), Op::state)) continue;
      const auto it = update_of.find(base_of(t).node().state.get());
      if (it == update_of.end() || it->second == static_cast<int>(i)) continue;
      steps_[i].before.push_back(it->second);
    }
  }
}

std::vector<int> StepGraph::initial_order() const {
  std::vector<int> order, last;
  std::vector<bool> read(values_.size(), false);
  for (const Step& step : steps_) {
    for (const int v : step.in) read[static_cast<size_t>(v)] = true;
  }
  for (int i = 0; i < static_cast<int>(steps_.size()); ++i) {
    bool can_wait = step(i).in.empty() && step(i).before.empty();
    for (int v = step(i).first_out; v < step(i).first_out + step(i).outputs; ++v) {
      can_wait = can_wait && !value(v).in_arena && !read[static_cast<size_t>(v)];
    }
    (can_wait ? last : order).push_back(i);
  }
  order.insert(order.end(), last.begin(), last.end());
  return order;
}

Graph StepGraph::build(const std::vector<int>& order) const {
  std::unordered_map<const Node*, NodePtr> latest, views;
  const std::function<Tensor(const Tensor&)> current = [&](const Tensor& t) -> Tensor {
    if (!t) return t;
    if (!is_view(t.node())) {
      const auto it = latest.find(&t.node());
      return it == latest.end() ? t : Tensor(it->second, t.output());
    }
    const std::vector<Tensor>& old = t.node().inputs;
    std::vector<Tensor> inputs;
    for (const Tensor& input : old) inputs.push_back(current(input));
    if (same(inputs, old)) return t;
    NodePtr& view = views[&t.node()];
    if (!view || !same(inputs, view->inputs)) view = with_inputs(t.node(), std::move(inputs));
    return {view, t.output()};
  };
  for (const int i : order) {
    const Node& node = *step(i).node;
    std::vector<Tensor> inputs;
    for (const Tensor& t : node.inputs) inputs.push_back(current(t));
    latest[&node] = with_inputs(node, std::move(inputs));
  }
  Graph out = graph_;
  for (Tensor& t : out.outputs) t = current(t);
  for (StateUpdate& update : out.updates) update.value = current(update.value);
  return out;
}

namespace {

// Finds who reads whose results, and sums up what lives.
class Profiler {
 public:
  Profiler(const StepGraph& graph, const std::vector<int>& order) : graph_(graph) {
    profile_.order = order;
    find_reads();
    if (drop_unread()) find_reads();
    for (size_t i = 0; i < order_size(); ++i) {
      profile_.flops += step_at(i).flops;
      profile_.seconds += step_at(i).seconds;
    }
    sum_bytes();
  }
  MemoryProfile take() { return std::move(profile_); }

 private:
  size_t order_size() const { return profile_.order.size(); }
  const StepGraph::Step& step_at(size_t i) const { return graph_.step(profile_.order[i]); }
  int last_use(int result) const { return profile_.last_use[static_cast<size_t>(result)]; }

  void find_reads() {
    std::vector<int> latest(graph_.steps().size(), 0);  // first result of each step's last run
    int results = 0;
    profile_.first_result.clear();
    profile_.first_read.clear();
    profile_.reads.clear();
    profile_.last_use.clear();
    for (size_t i = 0; i < order_size(); ++i) {
      profile_.first_read.push_back(static_cast<int>(profile_.reads.size()));
      for (const int v : step_at(i).in) {
        const StepGraph::Value& value = graph_.value(v);
        const int r = latest[static_cast<size_t>(value.step)] + value.output;
        profile_.reads.push_back(r);
        profile_.last_use[static_cast<size_t>(r)] = static_cast<int>(i);
      }
      latest[static_cast<size_t>(profile_.order[i])] = results;
      profile_.first_result.push_back(results);
      results += step_at(i).outputs;
      profile_.last_use.resize(static_cast<size_t>(results), -1);
    }
    profile_.first_result.push_back(results);
    profile_.first_read.push_back(static_cast<int>(profile_.reads.size()));
  }

  bool drop_unread() {
    std::vector<bool> wanted(profile_.last_use.size(), false);
    std::vector<int> kept;
    for (size_t i = order_size(); i-- > 0;) {
      bool needed = step_at(i).has_result;
      for (int r = profile_.first_result[i]; r < profile_.first_result[i + 1]; ++r) {
        needed = needed || wanted[static_cast<size_t>(r)];
      }
      if (!needed) continue;
      for (int k = profile_.first_read[i]; k < profile_.first_read[i + 1]; ++k) {
        wanted[static_cast<size_t>(profile_.reads[static_cast<size_t>(k)])] = true;
      }
      kept.push_back(profile_.order[i]);
    }
    if (kept.size() == order_size()) return false;
    profile_.order.assign(kept.rbegin(), kept.rend());
    return true;
  }

  void sum_bytes() {
    std::vector<int64_t> change(order_size() + 1, 0);
    profile_.bytes.resize(order_size());
    for (size_t i = 0; i < order_size(); ++i) {
      const StepGraph::Step& step = step_at(i);
      for (int o = 0; o < step.outputs; ++o) {
        const StepGraph::Value& value = graph_.value(step.first_out + o);
        const int last = last_use(profile_.first_result[i] + o);
        if (!value.in_arena || (last < 0 && !step.memory.writes_all)) continue;
        change[i] += static_cast<int64_t>(value.bytes);
        const size_t end = last < 0 ? i : static_cast<size_t>(last);
        change[end + 1] -= static_cast<int64_t>(value.bytes);
      }
    }
    int64_t now = 0;
    for (size_t i = 0; i < order_size(); ++i) {
      now += change[i];
      profile_.bytes[i] =
          static_cast<size_t>(now) + aligned(step_at(i).memory.scratch_bytes) - shared(i);
      if (profile_.bytes[i] <= profile_.peak) continue;
      profile_.peak = profile_.bytes[i];
      profile_.peak_at = static_cast<int>(i);
    }
  }

  // Bytes of outputs that take the place of inputs which nobody reads afterwards.
  size_t shared(size_t i) const {
    size_t bytes = 0;
    const StepGraph::Step& step = step_at(i);
    std::vector<int> taken;
    const auto is_taken = [&](int v) {
      return std::find(taken.begin(), taken.end(), v) != taken.end();
    };
    for (const auto& [out, in] : step.in_place) {
      if (!graph_.value(out).in_arena || !graph_.value(in).in_arena) continue;
      const auto k = std::find(step.in.begin(), step.in.end(), in) - step.in.begin();
      const int read = profile_.reads[static_cast<size_t>(profile_.first_read[i] + k)];
      const bool dies = last_use(read) == static_cast<int>(i);
      const bool used = last_use(profile_.first_result[i] + graph_.value(out).output) >= 0;
      if (!dies || !used || is_taken(in) || is_taken(out)) continue;
      taken.insert(taken.end(), {in, out});
      bytes += graph_.value(out).bytes;
    }
    return bytes;
  }

  const StepGraph& graph_;
  MemoryProfile profile_;
};

}  // namespace

MemoryProfile profile_memory(const StepGraph& graph, const std::vector<int>& order) {
  return Profiler(graph, order).take();
}

}  // namespace suan
