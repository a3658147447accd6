// Rules of the poolings.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/pool.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/resize.h"

namespace suan {

extern const OpDef max_pool_op, max_pool_gradient_op, avg_pool_op, avg_pool_gradient_op;

namespace {

double pool_flops(const Node& n, int y) {
  double window = 1;
  for (int64_t k : n.attr<PoolAttrs>().kernel) window *= static_cast<double>(k);
  const Shape& shape = y < 0 ? n.types[0].shape : n.inputs[static_cast<size_t>(y)].shape();
  return window * static_cast<double>(shape.numel());
}

constexpr int64_t kMostSize = int64_t{1} << 40;

// How many elements a window spans along an axis.
int64_t extent(const PoolAttrs& a, size_t axis) {
  return dilation_of(a, axis) * (a.kernel[axis] - 1) + 1;
}

void complete_dilation(PoolAttrs& attrs, std::string_view op) {
  for (size_t i = 0; i < attrs.dilation.size(); ++i) {
    if (attrs.dilation[i] < 1 || attrs.dilation[i] > kMostSize / attrs.kernel[i]) {
      fail(op, "dilation has {}, expected at least 1, and less where windows are large",
           attrs.dilation[i]);
    }
    if (attrs.kernel[i] == 1) attrs.dilation[i] = 1;
  }
  if (std::ranges::count(attrs.dilation, 1) == std::ranges::ssize(attrs.dilation)) {
    attrs.dilation.clear();
  }
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
  if (attrs.dilation.size() == 1) attrs.dilation.assign(n, attrs.dilation.front());
  if (!attrs.dilation.empty() && attrs.dilation.size() != n) {
    fail(op, "dilation has {} entries, expected {}", attrs.dilation.size(), n);
  }
  for (size_t i = 0; i < n; ++i) {
    if (attrs.kernel[i] < 1 || attrs.stride[i] < 1 || attrs.kernel[i] > kMostSize) {
      fail(op, "kernel and stride must be positive");
    }
  }
  complete_dilation(attrs, op);
  for (size_t i = 0; i < n; ++i) {
    const int64_t most = extent(attrs, i);
    if (attrs.pad_begin[i] < 0 || attrs.pad_end[i] < 0 || attrs.pad_begin[i] >= most ||
        attrs.pad_end[i] >= most) {
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
    if (x[i] > kMostSize) fail(op, "got shape {}, expected smaller sizes", to_string(x));
    const int64_t room = x[i] + a.pad_begin[s] + a.pad_end[s] - extent(a, s);
    if (room < 0 || x[i] < 1) fail(op, "kernel {} does not fit into {}", a.kernel[s], to_string(x));
    // A window must not step over all there is.
    if (a.kernel[s] > 1 && dilation_of(a, s) > x[i]) {
      fail(op, "dilation {} is larger than axis {} of {}", dilation_of(a, s), i, to_string(x));
    }
    out.push_back(room / a.stride[s] + 1);
  }
  return out;
}

const OpDef max_pool_op{
    .code = Op::max_pool,
    .name = "max_pool",
    .doc =
        "Largest element of each window: y[n, c, p] = max_k x[n, c, p stride + k dilation - pad].",
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

namespace {

void check_float(const InferContext& c) {
  if (!is_float(c.dtype(0))) fail(c.name(), "got {}, expected a float", name(c.dtype(0)));
}

}  // namespace

const OpDef avg_pool_op{
    .code = Op::avg_pool,
    .name = "avg_pool",
    .doc = "Mean of each window: y[n, c, p] = sum_k x[n, c, p stride + k dilation - pad] / count.",
    .inputs = {"x"},
    .attrs = &kAttrsType<PoolAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      check_float(c);
      return {Type(c.dtype(0), pooled_shape(c.shape(0), c.attr<PoolAttrs>(), c.name()))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      PoolAttrs a = c.attr<PoolAttrs>();
      const Shape& x = c.in(0).shape();
      a.size.assign(x.begin() + 2, x.end());
      return {avg_pool_gradient(c.grad(), std::move(a))};
    },
    .keeps_zero = true,
    .flops = [](const Node& n) { return pool_flops(n, -1); },
};
Tensor avg_pool(const Tensor& x, PoolAttrs attrs) {
  if (!attrs.size.empty()) fail("avg_pool", "size is given, but follows from the input");
  return make(avg_pool_op, {x}, complete(std::move(attrs), x.rank() - 2, "avg_pool"));
}
Tensor avg_pool2d(const Tensor& x, int64_t kernel, int64_t stride, int64_t padding) {
  PoolAttrs attrs{.kernel = {kernel, kernel}, .pad_begin = {padding, padding}};
  if (stride) attrs.stride = {stride, stride};
  return avg_pool(x, attrs);
}

const OpDef avg_pool_gradient_op{
    .code = Op::avg_pool_gradient,
    .name = "avg_pool_gradient",
    .doc = "The gradient of avg_pool in x: each window's g / count goes to all its elements.",
    .inputs = {"g"},
    .attrs = &kAttrsType<PoolAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      check_float(c);
      const Shape& g = c.shape(0);
      PoolAttrs a = c.attr<PoolAttrs>();
      if (g.rank() < 3 || static_cast<int>(a.size.size()) != g.rank() - 2) {
        fail(c.name(), "got gradient {} and {} sizes, expected one for each spatial axis",
             to_string(g), a.size.size());
      }
      Shape x{g[0], g[1]};
      for (int64_t size : a.size) {
        if (size < 1 || size > kMostSize) {
          fail(c.name(), "size has {}, expected 1 to {}", size, kMostSize);
        }
        x.push_back(size);
      }
      const Shape y = pooled_shape(x, a, c.name());
      if (!(g == y)) {
        fail(c.name(), "gradient is {}, expected {}", to_string(g), to_string(y));
      }
      return {Type(c.dtype(0), x)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      PoolAttrs a = c.attr<PoolAttrs>();
      a.size.clear();
      return {avg_pool(c.grad(), std::move(a))};
    },
    .keeps_zero = true,
    .flops = [](const Node& n) { return pool_flops(n, 0); },
};
Tensor avg_pool_gradient(const Tensor& g, PoolAttrs attrs) {
  return make(avg_pool_gradient_op, {g},
              complete(std::move(attrs), g.rank() - 2, "avg_pool_gradient"));
}

Tensor adaptive_avg_pool(const Tensor& x, std::vector<int64_t> sizes) {
  constexpr std::string_view kName = "adaptive_avg_pool";
  const auto axes = static_cast<size_t>(std::max(0, x.rank() - 2));
  if (x.rank() < 3) fail(kName, "got shape {}, expected at least 3 axes", to_string(x.shape()));
  if (sizes.size() == 1) sizes.assign(axes, sizes[0]);
  if (sizes.size() != axes) fail(kName, "got {} sizes, expected {}", sizes.size(), axes);
  PoolAttrs attrs;
  bool even = x.rank() <= 5;
  for (size_t i = 0; i < axes; ++i) {
    const int64_t size = x.shape()[static_cast<int>(i) + 2];
    if (sizes[i] < 1) fail(kName, "got size {}, expected 1 or more", sizes[i]);
    even = even && size >= sizes[i] && size % sizes[i] == 0;
    attrs.kernel.push_back(size / sizes[i]);
  }
  if (even) return avg_pool(x, std::move(attrs));
  return resize(x, std::move(sizes), {.mode = ResizeMode::area});
}

Tensor global_avg_pool(const Tensor& x) {
  if (x.rank() < 3) {
    fail("global_avg_pool", "got shape {}, expected at least 3 axes", to_string(x.shape()));
  }
  std::vector<int64_t> axes;
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  return mean(x, axes);
}

}  // namespace suan
