// The walk over both graphs, and what each op does to the axis of the slices.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/independence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "suan/ops/argmax.h"
#include "suan/ops/attention.h"
#include "suan/ops/concat.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/gather.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/pad.h"
#include "suan/ops/reduce.h"
#include "suan/ops/resize.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"
#include "suan/ops/split.h"
#include "suan/ops/statistics.h"
#include "suan/ops/top_k.h"

namespace suan {
namespace {

constexpr int kShared = -1;  // the same for all slices
constexpr int kMixed = -2;   // no rule keeps the slices apart

// A node of the first graph and where its inputs have the slices.
struct Step {
  const Node& node;
  std::vector<int> in;  // axis of each input; kShared for an absent one too

  const Shape& shape(size_t i) const { return node.inputs[i].shape(); }
  const Shape& out(size_t i = 0) const { return node.types[i].shape; }
  int axis(int64_t axis, size_t input = 0) const {  // counted from the front
    return static_cast<int>(axis < 0 ? axis + shape(input).rank() : axis);
  }
  bool only_first() const {
    return in[0] >= 0 && std::all_of(in.begin() + 1, in.end(), [](int a) { return a == kShared; });
  }
};

// The axis of the result, slices being aligned from the right as broadcasting does, or kMixed. The
// last `trailing` axes of the operands from `first` to `end` are not looked at.
int aligned(const Step& s, const Shape& out, size_t first, size_t end, int trailing = 0) {
  int result = kShared;
  for (size_t i = first; i < end; ++i) {
    if (s.in[i] < 0) continue;
    const int at = s.in[i] + out.rank() - s.shape(i).rank();
    if (result >= 0 && result != at) return kMixed;
    if (s.shape(i)[s.in[i]] != out[at]) return kMixed;
    result = at;
  }
  for (size_t i = first; i < end && result >= 0; ++i) {
    if (s.in[i] >= 0 || !s.node.inputs[i]) continue;
    const int at = result - (out.rank() - s.shape(i).rank());
    if (at >= 0 && s.shape(i)[at] != 1) return kMixed;
  }
  return result >= out.rank() - trailing ? kMixed : result;
}

int pointwise(const Step& s) { return aligned(s, s.out(), 0, s.in.size()); }

template <class Attrs>
int beside_axis(const Step& s) {  // works along another axis, whose place stays
  return s.in[0] == s.axis(s.node.attr<Attrs>().axis) ? kMixed : s.in[0];
}

template <class Attrs>
int reduction(const Step& s) {
  const auto& attrs = s.node.attr<Attrs>();
  int before = 0;
  for (int64_t axis : attrs.axes) {
    if (axis == s.in[0]) return kMixed;
    before += axis < s.in[0];
  }
  return attrs.keep ? s.in[0] : s.in[0] - before;
}

int position(const Step& s) {
  const auto& attrs = s.node.attr<ArgAttrs>();
  const int axis = s.axis(attrs.axis);
  if (axis == s.in[0]) return kMixed;
  return s.in[0] - (!attrs.keep && axis < s.in[0] ? 1 : 0);
}

int norm(const Step& s) {
  const auto axes = static_cast<int>(s.node.attr<LayerNormAttrs>().axes);
  return s.only_first() && s.in[0] < s.shape(0).rank() - axes ? s.in[0] : kMixed;
}

int product(const Step& s) {
  const auto& attrs = s.node.attr<MatmulAttrs>();
  const int rank_a = s.shape(0).rank(), rank_b = s.shape(1).rank(), rank = s.out().rank();
  const int m = rank_a - (attrs.transpose_a ? 1 : 2), n = rank_b - (attrs.transpose_b ? 2 : 1);
  if (s.in[0] == m) return s.in[1] == kShared ? rank - 2 : kMixed;
  if (s.in[1] == n) return s.in[0] == kShared ? rank - 1 : kMixed;
  if (s.in[0] >= rank_a - 2 || s.in[1] >= rank_b - 2) return kMixed;  // summed over
  return aligned(s, s.out(), 0, 2, 2);
}

// Before and at the axis nothing may change but how long the runs of a slice are.
int reshaped(const Step& s) {
  const int64_t before = s.shape(0).numel(0, s.in[0]);
  int64_t product = 1;
  for (int axis = 0; axis < s.out().rank() && product <= before; ++axis) {
    if (product == before && s.out()[axis] != 1) return axis;
    product *= s.out()[axis];
  }
  return kMixed;
}

int transposed(const Step& s) {
  const auto& axes = s.node.attr<TransposeAttrs>().axes;
  return static_cast<int>(std::find(axes.begin(), axes.end(), s.in[0]) - axes.begin());
}

int gathered(const Step& s) {
  const int axis = s.axis(s.node.attr<GatherAttrs>().axis);
  if (s.in[0] == kShared) return axis + s.in[1];
  if (s.in[1] != kShared || s.in[0] == axis) return kMixed;
  return s.in[0] < axis ? s.in[0] : s.in[0] - 1 + s.shape(1).rank();
}

int taken(const Step& s) {
  return s.in[0] == s.in[1] && s.in[0] != s.axis(s.node.attr<GatherAttrs>().axis) ? s.in[0]
                                                                                  : kMixed;
}

int joined(const Step& s) {
  if (s.in[0] == s.axis(s.node.attr<ConcatAttrs>().axis)) return kMixed;
  return std::all_of(s.in.begin(), s.in.end(), [&](int a) { return a == s.in[0]; }) ? s.in[0]
                                                                                    : kMixed;
}

int sliced(const Step& s) {
  const auto& attrs = s.node.attr<SliceAttrs>();
  const auto k = static_cast<size_t>(s.in[0]);
  const bool whole = attrs.starts[k] == 0 && attrs.steps[k] == 1;
  return whole && s.out()[s.in[0]] == s.shape(0)[s.in[0]] ? s.in[0] : kMixed;
}

int padded(const Step& s) {
  return s.out()[s.in[0]] == s.shape(0)[s.in[0]] &&
                 s.node.attr<PadAttrs>().begin[static_cast<size_t>(s.in[0])] == 0
             ? s.in[0]
             : kMixed;
}

int image(const Step& s) { return s.only_first() && s.in[0] == 0 ? 0 : kMixed; }

int attended(const Step& s) {
  for (size_t i = 0; i < 3; ++i) {
    if (s.in[i] != 0) return kMixed;
  }
  const AttentionSizes z =
      attention_sizes(s.shape(0), s.shape(1), s.shape(2), s.node.attr<AttentionAttrs>());
  constexpr auto kMask = static_cast<size_t>(kAttentionMask);
  if (s.in.size() > kMask && s.node.inputs[kMask]) {
    const int at = aligned(s, z.scores(), kMask, kMask + 1);
    const Shape& mask = s.shape(kMask);
    if (at != (s.in[kMask] < 0 ? kShared : 0)) return kMixed;
    if (at == kShared && mask.rank() == 4 && mask[0] != 1) return kMixed;
  }
  return s.in.size() > kMask + 1 && s.in[kMask + 1] > 0 ? kMixed : 0;
}

struct Rule {
  Op op;
  int (*axis)(const Step&);  // of all outputs, or kMixed; asked where some input has slices
  bool sizes = false;        // its attributes hold sizes, which may differ between the graphs
};
constexpr Rule kRules[] = {
    {Op::select, pointwise},
    {Op::cast, pointwise},
    {Op::bitwise, pointwise},
    {Op::bitcast, pointwise},
    {Op::check_range, pointwise},
    {Op::stop_gradient, pointwise},
    {Op::sum, reduction<ReduceAttrs>},
    {Op::max, reduction<ReduceAttrs>},
    {Op::min, reduction<ReduceAttrs>},
    {Op::prod, reduction<ReduceAttrs>},
    {Op::logsumexp, reduction<ReduceAttrs>},
    {Op::var, reduction<VarAttrs>},
    {Op::argmax, position},
    {Op::argmin, position},
    {Op::softmax, beside_axis<AxisAttrs>},
    {Op::log_softmax, beside_axis<AxisAttrs>},
    {Op::cumsum, beside_axis<CumsumAttrs>},
    {Op::top_k, beside_axis<TopKAttrs>},
    {Op::resize, beside_axis<ResizeAttrs>},
    {Op::split, beside_axis<SplitAttrs>},
    {Op::layer_norm, norm},
    {Op::rms_norm, norm},
    {Op::matmul, product},
    {Op::reshape, reshaped, true},
    {Op::transpose, transposed},
    {Op::broadcast_to, pointwise, true},
    {Op::gather, gathered},
    {Op::take_along_axis, taken},
    {Op::concat, joined},
    {Op::slice, sliced, true},
    {Op::pad, padded},
    {Op::conv, image},
    {Op::conv_transpose, image},
    {Op::max_pool, image},
    {Op::avg_pool, image},
    {Op::attention, attended},
};

const Rule* rule_of(const Node& node) {
  static constexpr Rule kElementwise{Op::cast, pointwise};
  if (node.op->row) return &kElementwise;
  const auto* found = std::find_if(std::begin(kRules), std::end(kRules),
                                   [&](const Rule& r) { return is(node, r.op); });
  return found == std::end(kRules) ? nullptr : found;
}

class Prover {
 public:
  Prover(const Graph& a, const Graph& b, std::span<const AxisOf> inputs) : a_(a), b_(b) {
    for (const Tensor& t : a.inputs) axes_[&t.node()] = {kShared};
    for (const AxisOf& place : inputs) {
      const auto i = static_cast<size_t>(place.tensor);
      axes_[&a.inputs[i].node()] = {place.axis};
      size_a_ = a.inputs[i].shape()[place.axis];
      size_b_ = b.inputs[i].shape()[place.axis];
    }
  }

  Independence run() {
    Independence result;
    const std::vector<NodePtr> a = a_.nodes(), b = b_.nodes();
    if (a.size() != b.size() || a_.outputs.size() != b_.outputs.size()) {
      result.fault = "the model is another one for another size";
      return result;
    }
    for (size_t i = 0; i < a.size() && result.fault.empty(); ++i) {
      index_[a[i].get()] = index_[b[i].get()] = i;
      if (visit(*a[i], *b[i])) continue;
      result.fault = fmt::format("'{}' to {} does not keep its slices apart", a[i]->op->name,
                                 to_string(a[i]->types[0]));
    }
    for (size_t i = 0; i < a_.outputs.size() && result.fault.empty(); ++i) {
      if (!same(a_.outputs[i], b_.outputs[i])) result.fault = "its outputs depend on the size";
      result.outputs.push_back(axis_of(a_.outputs[i]));
    }
    return result;
  }

 private:
  int axis_of(const Tensor& t) const {
    return t ? axes_.at(&t.node())[static_cast<size_t>(t.output())] : kShared;
  }
  bool same(const Tensor& a, const Tensor& b) const {  // the same value of both graphs
    if (!a || !b) return !a && !b;
    return a.output() == b.output() && index_.at(&a.node()) == index_.at(&b.node());
  }

  // Whether types differ in nothing but the size of the slices' axis.
  bool fits(const Type& a, const Type& b, int axis) const {
    if (axis == kShared) return a == b;
    Type other = b;
    if (a.shape.rank() != b.shape.rank() || a.shape[axis] % size_a_ != 0) return false;
    other.shape[axis] = a.shape[axis];
    return a == other && b.shape[axis] == a.shape[axis] / size_a_ * size_b_;
  }

  bool visit(const Node& a, const Node& b) {
    if (a.op != b.op || a.inputs.size() != b.inputs.size() || a.op->random || a.state) return false;
    for (size_t i = 0; i < a.inputs.size(); ++i) {
      if (!same(a.inputs[i], b.inputs[i])) return false;
    }
    auto [it, fresh] = axes_.try_emplace(&a);
    if (fresh) it->second = find_axes(a, b);
    for (size_t i = 0; i < a.types.size(); ++i) {
      if (it->second[i] == kMixed || !fits(a.types[i], b.types[i], it->second[i])) return false;
    }
    return true;
  }

  std::vector<int> find_axes(const Node& a, const Node& b) const {
    const auto all = [&](int axis) { return std::vector<int>(a.types.size(), axis); };
    if (is(a, Op::constant)) return all(constant_axis(a, b));
    Step step{a, {}};
    for (const Tensor& t : a.inputs) step.in.push_back(axis_of(t));
    const bool shared = std::all_of(step.in.begin(), step.in.end(), [](int k) { return k < 0; });
    if (shared && a.attrs == b.attrs) return all(kShared);
    if (shared) {  // one value for all slices, spread over their axis
      const bool same_value = is(a, Op::full)
                                  ? a.attr<FullAttrs>().value == b.attr<FullAttrs>().value
                                  : is(a, Op::broadcast_to);
      return all(same_value ? spread_axis(a, b) : kMixed);
    }
    const Rule* rule = rule_of(a);
    const bool known = rule && a.regions.empty() && (rule->sizes || a.attrs == b.attrs) &&
                       (!is(a, Op::slice) || same_slices(a, b));
    return all(known ? rule->axis(step) : kMixed);
  }
  static bool same_slices(const Node& a, const Node& b) {
    const auto &x = a.attr<SliceAttrs>(), &y = b.attr<SliceAttrs>();
    return x.starts == y.starts && x.steps == y.steps;
  }

  // The one axis whose size goes with that of the slices.
  static int spread_axis(const Node& a, const Node& b) {
    const Shape &x = a.types[0].shape, &y = b.types[0].shape;
    for (int axis = 0; axis < std::min(x.rank(), y.rank()); ++axis) {
      if (x[axis] != y[axis]) return axis;
    }
    return kMixed;
  }
  int constant_axis(const Node& a, const Node& b) const {
    const auto *x = a.values[0]->as<char>(), *y = b.values[0]->as<char>();
    if (a.types[0] == b.types[0]) {
      return x == y || std::memcmp(x, y, a.types[0].bytes()) == 0 ? kShared : kMixed;
    }
    const int axis = spread_axis(a, b);
    if (axis == kMixed || !fits(a.types[0], b.types[0], axis)) return kMixed;
    const Shape& shape = a.types[0].shape;
    const auto blocks = static_cast<size_t>(shape.numel(0, axis));
    const auto n = static_cast<size_t>(size_a_), m = static_cast<size_t>(size_b_);
    const size_t bytes = a.types[0].bytes() / std::max<size_t>(1, blocks * n);  // of a slice
    for (size_t block = 0; block < blocks; ++block) {
      const char* first = x + block * n * bytes;
      for (size_t i = 1; i < n; ++i) {
        if (std::memcmp(first, first + i * bytes, bytes) != 0) return kMixed;
      }
      for (size_t i = 0; i < m; ++i) {
        if (std::memcmp(first, y + (block * m + i) * bytes, bytes) != 0) return kMixed;
      }
    }
    return axis;
  }

  const Graph& a_;
  const Graph& b_;
  int64_t size_a_ = 1, size_b_ = 1;
  std::unordered_map<const Node*, std::vector<int>> axes_;  // of nodes of `a_`
  std::unordered_map<const Node*, size_t> index_;           // of nodes of both
};

}  // namespace

Independence prove_independent(const Graph& a, const Graph& b, std::span<const AxisOf> inputs) {
  return Prover(a, b, inputs).run();
}

}  // namespace suan
