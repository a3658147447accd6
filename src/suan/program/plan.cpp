// Planning: kernels in order, storage for every value, in-place and state aliases, arena offsets.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/plan.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/graph/state.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/program/choice.h"
#include "suan/program/packs.h"

namespace suan {
namespace {

[[noreturn]] void no_kernel(const Backend& backend, const Node& node) {
  std::string reasons;
  for (const Backend* b = &backend; b; b = b->fallback) {
    for (const Kernel& k : b->kernels) {
      if (k.op != node.op->code) continue;
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", k.name, k.why_not(node));
    }
  }
  fail(ErrorCode::kUnsupported, node.op->name, "no {} kernel takes it ({})", backend.name,
       reasons.empty() ? "there is none for this op" : reasons);
}

// The nodes in the order of their ids, but those made of states and constants alone wait for their
// first user: a rewrite leaves such nodes their old ids, far before everything it touched, and what
// they hold (weights cast to 16 bits, random numbers) would lie in memory from the start.
class Scheduler {
 public:
  explicit Scheduler(const Graph& graph) {
    const std::vector<NodePtr> nodes = graph.nodes();
    // A result would wait for ever, and a state's new value may want to take the old one's place.
    std::unordered_set<const Node*> results;
    for (const Tensor& t : graph.roots()) results.insert(&t.node());
    for (const NodePtr& node : nodes) {
      const int depth = results.contains(node.get()) ? kDeepest + 1 : depth_of(*node);
      if (depth <= kDeepest) waiting_[node.get()] = depth;
    }
    for (const NodePtr& node : nodes) {
      if (!waiting_.contains(node.get())) emit(node);
    }
    for (const NodePtr& node : nodes) emit(node);
  }
  std::vector<NodePtr> take() { return std::move(order_); }

 private:
  static constexpr int kDeepest = 8;  // ends the recursion

  // How many nodes lie one on another above states and constants.
  int depth_of(const Node& node) const {
    if (is(node, Op::input)) return kDeepest + 1;
    int depth = 0;
    for (const Tensor& t : node.inputs) {
      if (!t) continue;
      const auto found = waiting_.find(&t.node());
      depth = std::max(depth, found == waiting_.end() ? kDeepest + 1 : found->second + 1);
    }
    return depth;
  }
  void emit(const NodePtr& node) {
    if (!done_.insert(node.get()).second) return;
    for (const Tensor& t : node->inputs) {
      if (t) emit(t.node_ptr());
    }
    order_.push_back(node);
  }

  std::unordered_map<const Node*, int> waiting_;
  std::unordered_set<const Node*> done_;
  std::vector<NodePtr> order_;
};

class Planner {
 public:
  Planner(const Graph& graph, const Backend& backend) : graph_(graph), backend_(backend) {
    nodes_ = Scheduler(graph).take();
    leaves();
    steps();
    results();
    lifetimes();
    drop_unread_constants();
    update_states_in_place();
    reuse_inputs_in_place();
    group_steps();
    offsets();
  }
  Plan take() { return std::move(plan_); }

 private:
  int& slot(const Tensor& t) {
    auto& v = storage_of_[&t.node()];
    v.resize(t.node().types.size(), -1);
    return v[static_cast<size_t>(t.output())];
  }
  int add(Place place, size_t bytes, int index, bool on_device) {
    plan_.storages.push_back(
        {.place = place, .bytes = bytes, .index = index, .on_device = on_device});
    return static_cast<int>(plan_.storages.size()) - 1;
  }
  int add(Place place, size_t bytes, int index = -1) {
    return add(place, bytes, index, backend_.device != nullptr);
  }
  // A storage with the same content where it is wanted, copied there once.
  int on_side(int s, bool on_device, const Tensor& t) {
    if (storage(s).on_device == on_device) return s;
    const auto [twin, is_new] = twins_.try_emplace(s, -1);
    if (!is_new) return twin->second;
    const Storage from = storage(s);
    if (from.place == Place::constant) {
      return twin->second = add(Place::constant, from.bytes, from.index, on_device);
    }
    const int to = twin->second = add(Place::arena, from.bytes, -1, on_device);
    copy(t, s, to);
    return to;
  }
  void copy(const Tensor& t, int from, int to) {
    PlannedStep step;
    step.node = t.node_ptr();
    step.in = {from};
    step.out = {to};
    plan_.steps.push_back(std::move(step));
  }
  Storage& storage(int i) { return plan_.storages[static_cast<size_t>(i)]; }

  void leaves() {
    plan_.inputs.assign(graph_.inputs.size(), -1);
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      const int s = add(Place::input, graph_.inputs[i].type().bytes(), static_cast<int>(i));
      plan_.inputs[i] = slot(graph_.inputs[i]) = s;
    }
    for (const NodePtr& node : nodes_) {
      if (is(*node, Op::constant)) {
        slot({node, 0}) =
            add(Place::constant, node->types[0].bytes(), static_cast<int>(plan_.constants.size()));
        plan_.constants.push_back(node->values[0]);
      } else if (is(*node, Op::state)) {
        const int k = state_index(node->state);
        int& current = plan_.states[static_cast<size_t>(k)].current;
        if (current < 0) current = add(Place::state, node->types[0].bytes(), k);
        slot({node, 0}) = current;
      }
    }
  }

  int state_index(const StatePtr& state) {
    for (size_t k = 0; k < plan_.states.size(); ++k) {
      if (plan_.states[k].state == state) return static_cast<int>(k);
    }
    plan_.states.push_back({.state = state});
    return static_cast<int>(plan_.states.size()) - 1;
  }

  void steps() {
    std::unordered_map<const Node*, std::vector<bool>> read;
    for (const NodePtr& node : nodes_) {
      for (const Tensor& t : node->inputs) {
        if (t) mark(read, t);
      }
    }
    for (const Tensor& t : graph_.roots()) mark(read, t);
    for (const NodePtr& node : nodes_) {
      if (!node->op->infer) continue;
      if (is_view(*node)) {
        for (int i = 0; i < static_cast<int>(node->types.size()); ++i) {
          slot({node, i}) = slot(viewed({node, i}));
        }
        continue;
      }
      PlannedStep step;
      step.node = node;
      step.kernel = choose_kernel(backend_, *node);
      if (!step.kernel) no_kernel(backend_, *node);
      step.on_device = backend_.device && owns(backend_, *step.kernel);
      step.call = make_call(*step.kernel, *node);
      step.scratch_bytes = step.call->scratch_bytes();
      for (size_t i = 0; i < node->inputs.size(); ++i) {
        step.in.push_back(node->inputs[i] ? operand(step, node->inputs[i], i) : -1);
      }
      const auto& wanted = read[node.get()];
      for (size_t i = 0; i < node->types.size(); ++i) {
        const bool used = step.kernel->writes_all || (i < wanted.size() && wanted[i]);
        const int s =
            add(used ? Place::arena : Place::nowhere, node->types[i].bytes(), -1, step.on_device);
        slot({node, static_cast<int>(i)}) = s;
        step.out.push_back(s);
      }
      plan_.steps.push_back(std::move(step));
    }
  }
  // Where an input lies: a constant that the call wants packed gets a block of its own.
  int operand(const PlannedStep& step, const Tensor& t, size_t i) {
    const int input = static_cast<int>(i);
    const Call& call = *step.call;
    const size_t bytes = is(t.node(), Op::constant) ? call.packed_bytes(input) : 0;
    if (bytes == 0) return on_side(slot(t), step.on_device, t);
    const BufferPtr packed = packed_constant(t.node().values[0], call, input, bytes);
    const auto [place, is_new] = packs_.try_emplace({packed.get(), step.on_device}, -1);
    if (!is_new) return place->second;
    place->second =
        add(Place::constant, bytes, static_cast<int>(plan_.constants.size()), step.on_device);
    plan_.constants.push_back(packed);
    return place->second;
  }
  static void mark(std::unordered_map<const Node*, std::vector<bool>>& read, const Tensor& t) {
    auto& v = read[&t.node()];
    v.resize(t.node().types.size());
    v[static_cast<size_t>(t.output())] = true;
  }

  // Outputs and new state values get blocks of their own; a value that already has a home elsewhere
  // is copied there.
  void results() {
    for (const Tensor& t : graph_.outputs) plan_.outputs.push_back(fresh(t, true));
    for (const StateUpdate& update : graph_.updates) {
      const int k = state_index(update.state);
      plan_.states[static_cast<size_t>(k)].next = fresh(update.value, false);
    }
  }
  int fresh(const Tensor& t, bool may_share) {
    // A state lies where the backend's own kernels work; a result where it was made.
    const int s = may_share ? slot(t) : on_side(slot(t), backend_.device != nullptr, t);
    if (storage(s).place == Place::arena) {
      storage(s).place = Place::fresh;
      storage(s).index = plan_.fresh_count++;
      return s;
    }
    const bool own = storage(s).place == Place::fresh;
    if (own && may_share) return s;
    const int own_block = add(Place::fresh, t.type().bytes(), plan_.fresh_count++);
    copy(t, s, own_block);
    return own_block;
  }

  void lifetimes() {
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      for (int s : plan_.steps[i].out) {
        storage(s).first = storage(s).last = static_cast<int>(i);
      }
    }
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      for (int s : plan_.steps[i].in) {
        if (s >= 0) storage(s).last = std::max(storage(s).last, static_cast<int>(i));
      }
    }
  }

  // A constant that is only read packed needs no memory of its own.
  void drop_unread_constants() {
    std::vector<BufferPtr> read;
    for (Storage& s : plan_.storages) {
      if (s.place != Place::constant) continue;
      if (s.last < 0) {
        s.place = Place::nowhere;
        continue;
      }
      read.push_back(plan_.constants[static_cast<size_t>(s.index)]);
      s.index = static_cast<int>(read.size()) - 1;
    }
    plan_.constants = std::move(read);
  }

  // Whether output `o` of a step may take over the memory of its input `i`.
  static bool aliases(const PlannedStep& step, size_t o, size_t i) {
    if (!step.kernel || !step.kernel->in_place || !step.node->inputs[i]) return false;
    for (size_t j = 0; j < step.in.size(); ++j) {  // the same memory may be read as several inputs
      if (step.in[j] == step.in[i] && !step.call->may_overwrite(o, j)) return false;
    }
    return step.node->types[o] == step.node->inputs[i].type() &&
           step.node->layout(static_cast<int>(o)) == layout_of(step.node->inputs[i]);
  }

  void replace_output(int from, int to) {
    for (PlannedStep& step : plan_.steps) {
      for (int& s : step.in) s = s == from ? to : s;
      for (int& s : step.out) s = s == from ? to : s;
    }
    for (int& s : plan_.outputs) s = s == from ? to : s;
    for (PlannedState& state : plan_.states) state.next = state.next == from ? to : state.next;
    storage(to).last = std::max(storage(to).last, storage(from).last);
    storage(from).place = Place::nowhere;
  }

  // A state's new value may overwrite the old one where the step that makes it is the last to read
  // it.
  void update_states_in_place() {
    for (PlannedState& state : plan_.states) {
      if (state.current < 0 || state.next < 0) continue;
      const int old = state.current, next = state.next;
      if (std::find(plan_.outputs.begin(), plan_.outputs.end(), next) != plan_.outputs.end() ||
          std::find(plan_.outputs.begin(), plan_.outputs.end(), old) != plan_.outputs.end()) {
        continue;
      }
      const int at = storage(next).first;
      if (storage(next).place != Place::fresh || storage(old).last > at) continue;
      const PlannedStep& step = plan_.steps[static_cast<size_t>(at)];
      for (size_t o = 0; o < step.out.size(); ++o) {
        for (size_t i = 0; i < step.in.size(); ++i) {
          if (step.out[o] == next && step.in[i] == old && aliases(step, o, i)) {
            replace_output(next, old);
            break;
          }
        }
      }
    }
  }

  void reuse_inputs_in_place() {
    for (size_t at = 0; at < plan_.steps.size(); ++at) {
      PlannedStep& step = plan_.steps[at];
      for (size_t o = 0; o < step.out.size(); ++o) {
        const int to = step.out[o];
        if (storage(to).place != Place::arena || storage(to).first != static_cast<int>(at))
          continue;
        for (size_t i = 0; i < step.in.size(); ++i) {
          const int from = step.in[i];
          if (from < 0 || from == to || storage(from).place != Place::arena) continue;
          if (storage(from).last != static_cast<int>(at) || !aliases(step, o, i)) continue;
          if (std::find(step.out.begin(), step.out.end(), from) != step.out.end()) continue;
          replace_output(to, from);
          break;
        }
      }
    }
  }

  static bool has(const std::vector<int>& storages, int s) {
    return std::find(storages.begin(), storages.end(), s) != storages.end();
  }
  // Whether two steps may run at the same time: neither writes what the other reads or writes.
  static bool independent(const PlannedStep& a, const PlannedStep& b) {
    const auto clashes = [](const PlannedStep& writer, const PlannedStep& other) {
      return std::any_of(writer.out.begin(), writer.out.end(),
                         [&](int s) { return has(other.in, s) || has(other.out, s); });
    };
    return !clashes(a, b) && !clashes(b, a);
  }
  static bool joins(const PlannedStep& step) {
    if (!step.call || step.scratch_bytes != 0) return false;
    return step.on_device ? step.call->joint() != nullptr : step.call->parts() > 0;
  }
  static bool join(const PlannedStep& first, const PlannedStep& next) {
    if (!joins(next) || first.on_device != next.on_device) return false;
    return !first.on_device || *first.call->joint() == *next.call->joint();
  }

  // Steps in a row that can share one parallel loop or launch, such as the updates of all
  // parameters.
  void group_steps() {
    for (size_t first = 0, n = 1; first < plan_.steps.size(); first += n) {
      n = 1;
      if (!joins(plan_.steps[first])) continue;
      for (; first + n < plan_.steps.size(); ++n) {
        const PlannedStep& next = plan_.steps[first + n];
        const auto begin = plan_.steps.begin() + static_cast<std::ptrdiff_t>(first);
        const bool fits = join(*begin, next) &&
                          std::all_of(begin, begin + static_cast<std::ptrdiff_t>(n),
                                      [&](const PlannedStep& s) { return independent(s, next); });
        if (!fits) break;
      }
      plan_.steps[first].together = n;
      spread_lifetimes(static_cast<int>(first), static_cast<int>(first + n - 1));
    }
  }
  // What lives in a part of a group lives in all of it.
  void spread_lifetimes(int first, int last) {
    if (first == last) return;
    for (Storage& s : plan_.storages) {
      if (s.first > first && s.first <= last) s.first = first;
      if (s.last >= first && s.last < last) s.last = last;
    }
  }

  void offsets() {
    plan_.arena_bytes = offsets(backend_.device != nullptr);
    if (backend_.device) plan_.host_arena_bytes = offsets(false);
  }
  size_t offsets(bool on_device) {
    std::vector<Interval> intervals;
    std::vector<size_t*> targets;
    for (Storage& s : plan_.storages) {
      if (s.place != Place::arena || s.bytes == 0 || s.on_device != on_device) continue;
      intervals.push_back({s.bytes, s.first, s.last, 0});
      targets.push_back(&s.offset);
    }
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      PlannedStep& step = plan_.steps[i];
      if (!step.scratch_bytes || step.on_device != on_device) continue;
      intervals.push_back({step.scratch_bytes, static_cast<int>(i), static_cast<int>(i), 0});
      targets.push_back(&step.scratch_offset);
    }
    const size_t bytes = pack_intervals(intervals);
    for (size_t i = 0; i < intervals.size(); ++i) *targets[i] = intervals[i].offset;
    return bytes;
  }

  const Graph& graph_;
  const Backend& backend_;
  std::vector<NodePtr> nodes_;
  std::unordered_map<const Node*, std::vector<int>> storage_of_;
  std::unordered_map<int, int> twins_;  // of storages that are wanted on both sides
  std::map<std::pair<const Buffer*, bool>, int> packs_;  // storages of what is packed, on each side
  Plan plan_;
};

}  // namespace

Plan make_plan(const Graph& graph, const Backend& backend) {
  return Planner(graph, backend).take();
}

}  // namespace suan
