// Rules of max pooling.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/pool.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef max_pool_op, max_pool_gradient_op;

namespace {

double pool_flops(const Node& n, int y) {
  double window = 1;
  for (int64_t k : n.attr<PoolAttrs>().kernel) window *= static_cast<double>(k);
  const Shape& shape = y < 0 ? n.types[0].shape : n.inputs[static_cast<size_t>(y)].shape();
  return window * static_cast<double>(shape.numel());
}

}  // namespace

PoolAttrs complete(PoolAttrs attrs, int spatial, std::string_view op) {
  const auto n = static_cast<size_t>(std::max(spatial, 0));
  if (attrs.stride.empty()) attrs.stride = attrs.kernel;
  if (attrs.pad_begin.empty()) attrs.pad_begin.assign(n, 0);
  if (attrs.pad_end.empty()) attrs.pad_end = attrs.pad_begin;
  for (auto* list : {&attrs.kernel, &attrs.stride, &attrs.pad_begin, &attrs.pad_end}) {
    if (list->size() == 1) list->assign(n, list->front());
    if (list->size() != n) fail(op, "got {} entries, expected {}", list->size(), n);
  }
  for (size_t i = 0; i < n; ++i) {
    constexpr int64_t kMost = int64_t{1} << 40;
    if (attrs.kernel[i] < 1 || attrs.stride[i] < 1 || attrs.kernel[i] > kMost) {
      fail(op, "kernel and stride must be positive");
    }
    if (attrs.pad_begin[i] < 0 || attrs.pad_end[i] < 0 || attrs.pad_begin[i] >= attrs.kernel[i] ||
        attrs.pad_end[i] >= attrs.kernel[i]) {
      fail(op, "padding must be at least 0 and smaller than the kernel");
    }
  }
  return attrs;
}

Shape pooled_shape(const Shape& x, const PoolAttrs& a, std::string_view op) {
  if (x.rank() < 3 || x.rank() > 5) {
    fail(op, "got shape {}, expected rank 3, 4 or 5", to_string(x));
  }
  if (!(complete(a, x.rank() - 2, op) == a)) {
    fail(op, "kernel, stride and padding need an entry for each of {} axes", x.rank() - 2);
  }
  Shape out{x[0], x[1]};
  for (int i = 2; i < x.rank(); ++i) {
    const auto s = static_cast<size_t>(i - 2);
    const int64_t room = x[i] + a.pad_begin[s] + a.pad_end[s] - a.kernel[s];
    if (room < 0) fail(op, "kernel {} does not fit into {}", a.kernel[s], to_string(x));
    out.push_back(room / a.stride[s] + 1);
  }
  return out;
}

const OpDef max_pool_op{
    .code = Op::max_pool,
    .name = "max_pool",
    .doc = "Largest element of each window: y[n, c, p] = max_k x[n, c, p stride + k - pad].",
    .inputs = {"x"},
    .attrs = &kAttrsType<PoolAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      return {Type(c.dtype(0), pooled_shape(c.shape(0), c.attr<PoolAttrs>(), c.name()))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      if (!is_float(c.in(0).dtype())) return {Tensor()};
      return {make(max_pool_gradient_op, {c.in(0), c.grad()}, c.attr<PoolAttrs>())};
    },
    .flops = [](const Node& n) { return pool_flops(n, -1); },
};
Tensor max_pool(const Tensor& x, PoolAttrs attrs) {
  return make(max_pool_op, {x}, complete(std::move(attrs), x.rank() - 2, "max_pool"));
}
Tensor max_pool2d(const Tensor& x, int64_t kernel, int64_t stride, int64_t padding) {
  PoolAttrs attrs{.kernel = {kernel, kernel}, .pad_begin = {padding, padding}};
  if (stride) attrs.stride = {stride, stride};
  return max_pool(x, attrs);
}

const OpDef max_pool_gradient_op{
    .code = Op::max_pool_gradient,
    .name = "max_pool_gradient",
    .doc = "The gradient of max_pool in x: each window's g goes to its first largest element.",
    .inputs = {"x", "g"},
    .attrs = &kAttrsType<PoolAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Shape y = pooled_shape(c.shape(0), c.attr<PoolAttrs>(), c.name());
      if (!(c.shape(1) == y)) {
        fail(c.name(), "gradient is {}, expected {}", to_string(c.shape(1)), to_string(y));
      }
      return {c.type(0)};
    },
    .keeps_zero = true,
    .flops = [](const Node& n) { return pool_flops(n, 1); },
};

}  // namespace suan
