// Ops whose positions come from data. Every index is bounded here; a bad one is reported and the
// kernel stops. SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <vector>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/ops/gather.h"
#include "suan/ops/scalar_math.h"
#include "suan/ops/segment.h"

namespace suan::reference {
namespace {

// Index number i as a position in [0, size); -1 after reporting one outside [-size, size).
int64_t position_of(const Node& node, const KernelArgs& args, int64_t i, int64_t size) {
  const auto index = load<int64_t>(args.in[1], i);
  if (index >= -size && index < size) return index < 0 ? index + size : index;
  args.errors.report(where_of(node), fmt::format("index {} at position {} is outside [{}, {})",
                                                 index, i, -size, size));
  return -1;
}

template <class C>
C combined(Combine combine, C y, C u) {
  switch (combine) {
    case Combine::mul:
      return rows::multiply(y, u);
    case Combine::max:
      return rows::maximum(y, u);
    case Combine::min:
      return rows::minimum(y, u);
    default:
      return rows::add(y, u);
  }
}

// u into y, in the arithmetic of the dtype.
void put(const Operand& y, int64_t to, const Operand& u, int64_t from, Combine combine) {
  if (combine == Combine::set) {
    copy_element(u, from, y, to);
    return;
  }
  visit_compute(y.type.dtype, [&](auto tag) {
    using C = typename decltype(tag)::type;
    store(y, to, combined(combine, load<C>(y, to), load<C>(u, from)));
  });
}

// Calls f(position in x, position in the gathered tensor) for gather and scatter.
template <class F>
void for_each_gathered(const Node& node, const KernelArgs& args, int64_t axis, F&& f) {
  const Shape& x = args.in[0].type.shape;
  const int a = normalize_axis(axis, x.rank(), "axis");
  const int64_t outer = x.numel(0, a), inner = x.numel(a + 1, x.rank());
  const int64_t count = args.in[1].numel();
  for (int64_t j = 0; j < count; ++j) {
    const int64_t at = position_of(node, args, j, x[a]);
    if (at < 0) return;
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        f((o * x[a] + at) * inner + i, (o * count + j) * inner + i);
      }
    }
  }
}

// The same for take_along_axis and put_along_axis.
template <class F>
void for_each_along(const Node& node, const KernelArgs& args, int64_t axis, F&& f) {
  const Shape& x = args.in[0].type.shape;
  const Shape strides = x.strides();
  const int a = normalize_axis(axis, x.rank(), "axis");
  bool good = true;
  for_each(args.in[1].type.shape, [&](const Shape& index, int64_t i) {
    const int64_t at = good ? position_of(node, args, i, x[a]) : -1;
    good = at >= 0;
    if (good) f(offset_of(index, strides) + (at - index[a]) * strides[a], i);
  });
}

}  // namespace

void gather(const Node& node, const KernelArgs& args) {
  for_each_gathered(node, args, node.attr<GatherAttrs>().axis, [&](int64_t from, int64_t to) {
    copy_element(args.in[0], from, args.out[0], to);
  });
}

void scatter(const Node& node, const KernelArgs& args) {
  const auto [axis, combine] = node.attr<ScatterAttrs>();
  copy(node, args);
  for_each_gathered(node, args, axis, [&, how = combine](int64_t to, int64_t from) {
    put(args.out[0], to, args.in[2], from, how);
  });
}

void take_along_axis(const Node& node, const KernelArgs& args) {
  for_each_along(node, args, node.attr<GatherAttrs>().axis, [&](int64_t from, int64_t to) {
    copy_element(args.in[0], from, args.out[0], to);
  });
}

void put_along_axis(const Node& node, const KernelArgs& args) {
  const auto [axis, combine] = node.attr<ScatterAttrs>();
  copy(node, args);
  for_each_along(node, args, axis, [&, how = combine](int64_t to, int64_t from) {
    put(args.out[0], to, args.in[2], from, how);
  });
}

void segment_max(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  const int64_t count = node.attr<SegmentAttrs>().count, rows = args.in[1].numel();
  const int64_t inner = rows == 0 ? 0 : x.numel() / rows;
  std::vector<bool> filled(static_cast<size_t>(count), false);
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, int64_t{0});
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = position_of(node, args, r, count);
    if (at < 0) return;
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t from = r * inner + i, to = at * inner + i;
      const bool better = visit_compute(x.type.dtype, [&](auto tag) {
        using C = typename decltype(tag)::type;
        const auto value = load<C>(x, from), top = load<C>(y, to);
        return value > top || (value != value && top == top);
      });
      if (better || !filled[static_cast<size_t>(at)]) copy_element(x, from, y, to);
    }
    filled[static_cast<size_t>(at)] = true;
  }
}

}  // namespace suan::reference
