// Reductions, cumulative sums, arg-max, sorting.
// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <optional>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/argmax.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/reduce.h"
#include "suan/ops/slice.h"
#include "suan/ops/statistics.h"
#include "suan/ops/top_k.h"

namespace suan::onnx {
namespace {

struct Axes {
  std::vector<int64_t> axes;
  bool keep;
  bool none = false;  // nothing is reduced
};

// The axes are an attribute up to opset 17 (12 for ReduceSum), an input from then on.
Axes axes_of(const NodeView& n) {
  Axes a{n.ints("axes"), n.i("keepdims", 1) != 0};
  if (n.has(1)) a.axes = n.known_ints(1);
  a.none = a.axes.empty() && n.i("noop_with_empty_axes", 0) != 0;
  return a;
}

using Reduction = Tensor (*)(const Tensor&, std::vector<int64_t>, bool);
template <Reduction F>
Tensor as_input(const Tensor& x, const Axes& a) {  // sums of integers keep their dtype here
  return cast(F(x, a.axes, a.keep), x.dtype());
}
template <Reduction F>
Outputs reduce(const NodeView& n) {
  const Axes a = axes_of(n);
  return {a.none ? n.in(0) : as_input<F>(n.in(0), a)};
}

// The largest or smallest of no element is the dtype's end.
Tensor extreme(const NodeView& n, bool largest) {
  const Tensor& x = n.in(0);
  const Axes a = axes_of(n);
  if (a.none) return x;
  if (x.shape().numel() == 0) {
    const Shape shape = reduced_shape(x.shape(), reduce_attrs(x, a.axes, a.keep, "reduce"));
    if (is_float(x.dtype())) {
      const double inf = std::numeric_limits<double>::infinity();
      return full(largest ? -inf : inf, shape, x.dtype());
    }
    return visit(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto end = largest ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
      return full(static_cast<double>(end), shape, x.dtype());
    });
  }
  if (x.dtype() == DType::boolean) {
    const Tensor bytes = cast(x, DType::u8);
    return cast(largest ? max(bytes, a.axes, a.keep) : min(bytes, a.axes, a.keep), DType::boolean);
  }
  return largest ? max(x, a.axes, a.keep) : min(x, a.axes, a.keep);
}
Outputs reduce_max(const NodeView& n) { return {extreme(n, true)}; }
Outputs reduce_min(const NodeView& n) { return {extreme(n, false)}; }

// f, the sum, then g: the reductions that are made of a sum.
template <Tensor (*F)(const Tensor&), Tensor (*G)(const Tensor&)>
Outputs around_sum(const NodeView& n) {
  const Axes a = axes_of(n);
  const Tensor x = F(n.in(0));
  const Tensor y = G(a.none ? x : as_input<sum>(x, a));
  return {cast(y, n.in(0).dtype())};
}
Tensor same(const Tensor& x) { return x; }

Outputs log_sum_exp(const NodeView& n) {
  const Axes a = axes_of(n);
  if (a.none) return {n.in(0)};
  if (n.in(0).shape().numel() == 0) return around_sum<exp, log>(n);
  return {logsumexp(n.in(0), a.axes, a.keep)};
}

// With select_last_index the last of equal elements counts: the first, read backwards.
Outputs arg(const NodeView& n, Tensor (*f)(const Tensor&, int64_t, bool)) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.i("axis", 0), x.rank());
  const bool keep = n.i("keepdims", 1) != 0;
  if (!n.i("select_last_index", 0)) return {f(x, axis, keep)};
  const double last = static_cast<double>(x.size(axis) - 1);
  return {last - f(flip(x, {axis}), axis, keep)};
}
Outputs arg_max(const NodeView& n) { return arg(n, argmax); }
Outputs arg_min(const NodeView& n) { return arg(n, argmin); }

Outputs cum_sum(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.known_int(1), x.rank());
  return {cast(cumsum(x, axis, n.i("exclusive", 0) != 0, n.i("reverse", 0) != 0), x.dtype())};
}

// By doubling: each round makes every element the product of twice as many.
Outputs cum_prod(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.known_int(1), x.rank());
  const int64_t size = x.shape()[axis];
  const bool reverse = n.i("reverse", 0) != 0;
  const auto moved = [&](const Tensor& t, int64_t by) {  // ones take the places left
    std::vector<int64_t> before(static_cast<size_t>(t.rank())), after = before;
    (reverse ? after : before)[static_cast<size_t>(axis)] = by;
    return pad(reverse ? narrow(t, axis, by, size) : narrow(t, axis, 0, size - by), before, after,
               1);
  };
  Tensor y = is_float(x.dtype()) ? cast(x, wide(x.dtype())) : x;
  if (n.i("exclusive", 0) != 0 && size > 0) y = moved(y, 1);
  for (int64_t count = 1; count < size; count *= 2) y = y * moved(y, count);
  return {cast(y, x.dtype())};
}

Outputs top_k_rule(const NodeView& n) {
  const int64_t k = n.opset >= 10 ? n.known_int(1) : n.i("k");
  const Sorted s = top_k(n.in(0), k, n.i("axis", -1), n.i("largest", 1) != 0);
  return {s.values, s.indices};
}

constexpr OperatorRule kRules[] = {
    {"ArgMax", arg_max},
    {"ArgMin", arg_min},
    {"CumProd", cum_prod},
    {"CumSum", cum_sum},
    {"ReduceL1", around_sum<abs, same>},
    {"ReduceL2", around_sum<square, sqrt>},
    {"ReduceLogSum", around_sum<same, log>},
    {"ReduceLogSumExp", log_sum_exp},
    {"ReduceMax", reduce_max},
    {"ReduceMean", reduce<mean>},
    {"ReduceMin", reduce_min},
    {"ReduceProd", reduce<prod>},
    {"ReduceSum", reduce<sum>},
    {"ReduceSumSquare", around_sum<square, same>},
    {"TopK", top_k_rule},
};

}  // namespace

std::span<const OperatorRule> reduce_rules() { return kRules; }

}  // namespace suan::onnx
