// Ops along the lines of one axis: positions of extremes, running sums, order; and statistics.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/ops/argmax.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/statistics.h"
#include "suan/ops/top_k.h"

namespace suan::reference {
namespace {

// Whether element i of x comes before element j in ascending order; NaN comes last.
bool comes_before(const Operand& x, int64_t i, int64_t j) {
  if (!is_float(x.type.dtype)) return load<int64_t>(x, i) < load<int64_t>(x, j);
  const auto a = load<double>(x, i), b = load<double>(x, j);
  return a < b || (b != b && a == a);
}
bool is_nan(const Operand& x, int64_t i) {
  if (!is_float(x.type.dtype)) return false;
  return std::isnan(load<double>(x, i));
}

void arg_extreme(const Node& node, const KernelArgs& args, bool largest) {
  const Operand& x = args.in[0];
  int64_t position = 0;
  for_each_line(
      x.type.shape, node.attr<ArgAttrs>().axis, [&](int64_t first, int64_t stride, int64_t n) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; ++i) {
          const int64_t here = first + i * stride, top = first + best * stride;
          if (is_nan(x, top)) break;
          const bool better = largest ? comes_before(x, top, here) : comes_before(x, here, top);
          if (better || is_nan(x, here)) best = i;
        }
        args.out[0].as<int64_t>()[position++] = best;
      });
}

// For every result of a reduction over `axes`: calls f(result's position, its elements).
template <class F>
void for_each_group(const KernelArgs& args, const std::vector<int64_t>& axes, F&& f) {
  const Operand& x = args.in[0];
  const Shape kept = reduced_shape(x.type.shape, {axes, true});
  const Shape strides = kept.strides();
  std::vector<std::vector<double>> groups(static_cast<size_t>(kept.numel()));
  for_each(x.type.shape, [&](const Shape& index, int64_t position) {
    const auto group = static_cast<size_t>(broadcast_offset(index, kept, strides));
    groups[group].push_back(load<double>(x, position));
  });
  for (size_t i = 0; i < groups.size(); ++i) {
    store(args.out[0], static_cast<int64_t>(i), f(groups[i]));
  }
}

}  // namespace

void argmax(const Node& node, const KernelArgs& args) { arg_extreme(node, args, true); }
void argmin(const Node& node, const KernelArgs& args) { arg_extreme(node, args, false); }

void cumsum(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<CumsumAttrs>();
  const Operand &x = args.in[0], &y = args.out[0];
  const auto run = [&](auto zero) {
    for_each_line(x.type.shape, a.axis, [&](int64_t first, int64_t stride, int64_t n) {
      auto total = zero;
      for (int64_t k = 0; k < n; ++k) {
        const int64_t i = first + (a.reverse ? n - 1 - k : k) * stride;
        if (a.exclusive) store(y, i, total);
        total += load<decltype(zero)>(x, i);
        if (!a.exclusive) store(y, i, total);
      }
    });
  };
  if (is_float(x.type.dtype)) {
    run(0.0);
  } else {
    run(uint64_t{0});
  }
}

void top_k(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<TopKAttrs>();
  const Operand &x = args.in[0], &values = args.out[0], &indices = args.out[1];
  Shape out = x.type.shape;
  const int axis = normalize_axis(a.axis, out.rank(), "axis");
  out[axis] = a.k;
  std::vector<int64_t> starts;  // of the lines of the results
  if (a.k > 0) {
    for_each_line(out, axis, [&](int64_t first, int64_t, int64_t) { starts.push_back(first); });
  }
  size_t line = 0;
  for_each_line(x.type.shape, axis, [&](int64_t first, int64_t stride, int64_t n) {
    if (line >= starts.size()) return;
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      const int64_t p = first + i * stride, q = first + j * stride;
      return a.largest ? comes_before(x, q, p) : comes_before(x, p, q);
    });
    for (int64_t i = 0; i < a.k; ++i) {
      const int64_t from = order[static_cast<size_t>(i)], to = starts[line] + i * stride;
      if (values.data) copy_element(x, first + from * stride, values, to);
      if (indices.data) indices.as<int64_t>()[to] = from;
    }
    ++line;
  });
}

void logsumexp(const Node& node, const KernelArgs& args) {
  for_each_group(args, node.attr<ReduceAttrs>().axes, [](const std::vector<double>& x) {
    const double top = *std::max_element(x.begin(), x.end());
    const double shift = std::isfinite(top) ? top : 0;
    double total = 0;
    for (double v : x) total += std::exp(v - shift);
    return std::log(total) + shift;
  });
}

void var(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<VarAttrs>();
  for_each_group(args, a.axes, [&](const std::vector<double>& x) {
    const auto n = static_cast<double>(x.size());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    double total = 0;
    for (double v : x) total += (v - mean) * (v - mean);
    return total / (n - static_cast<double>(a.correction));
  });
}

}  // namespace suan::reference
