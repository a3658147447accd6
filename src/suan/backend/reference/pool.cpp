// Max and average pooling and their gradients.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/pool.h"

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"

namespace suan::reference {
namespace {

// Position in x of the first largest element of the window that makes output element `at`.
int64_t first_largest(const PoolAttrs& a, const Operand& x, const Shape& at) {
  const Shape& shape = x.type.shape;
  const Shape strides = shape.strides();
  Shape window;
  for (int64_t k : a.kernel) window.push_back(k);
  int64_t best = -1;
  for_each(window, [&](const Shape& k, int64_t) {
    int64_t i = at[0] * strides[0] + at[1] * strides[1];
    for (int s = 2; s < shape.rank(); ++s) {
      const auto d = static_cast<size_t>(s - 2);
      const int64_t p = at[s] * a.stride[d] + k[s - 2] * dilation_of(a, d) - a.pad_begin[d];
      if (p < 0 || p >= shape[s]) return;
      i += p * strides[s];
    }
    if (best < 0) {
      best = i;
      return;
    }
    const auto value = load<double>(x, i), top = load<double>(x, best);
    if (value > top || (value != value && top == top)) best = i;
  });
  return best;
}

// Calls f(position in x, share) for each element inside x of the window that makes output element
// `at`; the shares are 1 / count.
template <class F>
void for_each_share(const PoolAttrs& a, const Shape& x, const Shape& at, F&& f) {
  const Shape strides = x.strides();
  Shape window;
  for (int64_t k : a.kernel) window.push_back(k);
  std::vector<int64_t> inside;
  for_each(window, [&](const Shape& k, int64_t) {
    int64_t i = at[0] * strides[0] + at[1] * strides[1];
    for (int s = 2; s < x.rank(); ++s) {
      const auto d = static_cast<size_t>(s - 2);
      const int64_t p = at[s] * a.stride[d] + k[s - 2] * dilation_of(a, d) - a.pad_begin[d];
      if (p < 0 || p >= x[s]) return;
      i += p * strides[s];
    }
    inside.push_back(i);
  });
  const auto count =
      static_cast<double>(a.count_padding ? window.numel() : static_cast<int64_t>(inside.size()));
  for (int64_t i : inside) f(i, 1 / count);
}

}  // namespace

void max_pool(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  for_each(y.type.shape, [&](const Shape& at, int64_t position) {
    store(y, position, load<double>(x, first_largest(node.attr<PoolAttrs>(), x, at)));
  });
}

void max_pool_gradient(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &g = args.in[1], &y = args.out[0];
  std::vector<double> total(static_cast<size_t>(y.numel()), 0.0);
  for_each(g.type.shape, [&](const Shape& at, int64_t position) {
    total[static_cast<size_t>(first_largest(node.attr<PoolAttrs>(), x, at))] +=
        load<double>(g, position);
  });
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, total[static_cast<size_t>(i)]);
}

void avg_pool(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  for_each(y.type.shape, [&](const Shape& at, int64_t position) {
    double total = 0;
    for_each_share(node.attr<PoolAttrs>(), x.type.shape, at,
                   [&](int64_t i, double share) { total += load<double>(x, i) * share; });
    store(y, position, total);
  });
}

void avg_pool_gradient(const Node& node, const KernelArgs& args) {
  const Operand &g = args.in[0], &y = args.out[0];
  std::vector<double> total(static_cast<size_t>(y.numel()), 0.0);
  for_each(g.type.shape, [&](const Shape& at, int64_t position) {
    for_each_share(node.attr<PoolAttrs>(), y.type.shape, at, [&](int64_t i, double share) {
      total[static_cast<size_t>(i)] += load<double>(g, position) * share;
    });
  });
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, total[static_cast<size_t>(i)]);
}

}  // namespace suan::reference
