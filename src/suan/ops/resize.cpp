// Rules of resize. A tap is one term of the weighted sum that makes an element; the gradient is the
// same op with taps turned round. SPDX-License-Identifier: Apache-2.0
#include "suan/ops/resize.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef resize_op;

namespace {

constexpr int64_t kMostSize = int64_t{1} << 31;

// Where output element `o` of `n` lies among `s` input elements.
double position(const ResizeAttrs& a, double o, double n, double s) {
  const double scale = a.scale > 0 ? a.scale : n / s;
  switch (a.coordinates) {
    case ResizeCoordinates::half_pixel:
      return (o + 0.5) / scale - 0.5;
    case ResizeCoordinates::align_corners:
      return n > 1 ? o * (s - 1) / (n - 1) : 0;
    case ResizeCoordinates::asymmetric:
      break;
  }
  return o / scale;
}

double nearest(ResizeRound round, double p) {
  switch (round) {
    case ResizeRound::prefer_floor:
      return std::ceil(p - 0.5);
    case ResizeRound::prefer_ceil:
      return std::floor(p + 0.5);
    case ResizeRound::floor:
      return std::floor(p);
    case ResizeRound::ceil:
      break;
  }
  return std::ceil(p);
}

// Keys, "Cubic convolution interpolation for digital image processing", 1981.
double cubic(double t) {
  constexpr double kA = -0.75;
  t = std::abs(t);
  if (t <= 1) return ((kA + 2) * t - (kA + 3)) * t * t + 1;
  if (t < 2) return ((kA * t - 5 * kA) * t + 8 * kA) * t - 4 * kA;
  return 0;
}

// Taps of n elements made of s.
ResizeTaps forward_taps(const ResizeAttrs& a, int64_t n, int64_t s) {
  ResizeTaps taps{{0}, {}, {}};
  const auto add = [&](double at, double weight) {
    const double inside = std::clamp(at, 0.0, static_cast<double>(s - 1));
    taps.at.push_back(static_cast<int64_t>(inside));
    taps.weight.push_back(weight);
  };
  for (int64_t o = 0; o < n; ++o) {
    const double p =
        position(a, static_cast<double>(o), static_cast<double>(n), static_cast<double>(s));
    const double low = std::floor(p);
    if (a.mode == ResizeMode::nearest) {
      add(nearest(a.round, p), 1);
    } else if (a.mode == ResizeMode::linear) {
      const double inside = std::clamp(p, 0.0, static_cast<double>(s - 1));
      const double from = std::floor(inside);
      if (inside > from) {
        add(from, 1 - (inside - from));
        add(from + 1, inside - from);
      } else {
        add(from, 1);
      }
    } else if (a.mode == ResizeMode::cubic) {
      for (int k = -1; k <= 2; ++k) add(low + k, cubic(p - low - k));
    } else {
      const int64_t begin = o * s / n, end = ((o + 1) * s + n - 1) / n;
      for (int64_t i = begin; i < end; ++i) {
        add(static_cast<double>(i), 1.0 / static_cast<double>(end - begin));
      }
    }
    taps.first.push_back(static_cast<int64_t>(taps.at.size()));
  }
  return taps;
}

// The taps by the element that they read, in order of the elements that they make.
ResizeTaps turned(const ResizeTaps& taps, int64_t s) {
  ResizeTaps out;
  out.first.assign(static_cast<size_t>(s) + 1, 0);
  out.at.resize(taps.at.size());
  out.weight.resize(taps.at.size());
  for (int64_t at : taps.at) ++out.first[static_cast<size_t>(at) + 1];
  for (size_t i = 0; i < static_cast<size_t>(s); ++i) out.first[i + 1] += out.first[i];
  std::vector<int64_t> next(out.first.begin(), out.first.end() - 1);
  for (size_t o = 0; o + 1 < taps.first.size(); ++o) {
    for (int64_t k = taps.first[o]; k < taps.first[o + 1]; ++k) {
      const auto from = static_cast<size_t>(k);
      const auto to = static_cast<size_t>(next[static_cast<size_t>(taps.at[from])]++);
      out.at[to] = static_cast<int64_t>(o);
      out.weight[to] = taps.weight[from];
    }
  }
  return out;
}

Tensor resize_axes(const Tensor& x, const std::vector<int64_t>& sizes,
                   const std::vector<double>& scales, const ResizeOptions& o) {
  // Axes that shrink most go first, so that less is left for the others.
  std::vector<int64_t> order;
  for (int64_t i = 0; i < static_cast<int64_t>(sizes.size()); ++i) order.push_back(i);
  const auto growth = [&](int64_t i) {
    return static_cast<double>(sizes[static_cast<size_t>(i)]) /
           static_cast<double>(std::max<int64_t>(1, x.shape()[static_cast<int>(i) + 2]));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t i, int64_t j) { return growth(i) < growth(j); });
  Tensor y = x;
  for (int64_t i : order) {
    const auto k = static_cast<size_t>(i);
    const double scale = scales.empty() ? 0 : scales[k];
    if (sizes[k] == x.shape()[static_cast<int>(i) + 2] && (scale == 0 || scale == 1)) continue;
    y = make(resize_op, {y},
             ResizeAttrs{i + 2, sizes[k], o.mode, o.coordinates, o.round, scale, false});
  }
  return y;
}

template <class T>
std::vector<T> one_each(const Tensor& x, std::vector<T> list, std::string_view op,
                        std::string_view what) {
  const auto axes = static_cast<size_t>(std::max(0, x.rank() - 2));
  if (axes == 0) fail(op, "got shape {}, expected at least 3 axes", to_string(x.shape()));
  if (list.size() == 1) list.assign(axes, list[0]);
  if (list.size() != axes) fail(op, "got {} {}, expected {}", list.size(), what, axes);
  return list;
}

}  // namespace

ResizeTaps resize_taps(const ResizeAttrs& attrs, int64_t inputs) {
  if (!attrs.adjoint) return forward_taps(attrs, attrs.size, inputs);
  return turned(forward_taps(attrs, inputs, attrs.size), attrs.size);
}

const OpDef resize_op{
    .code = Op::resize,
    .name = "resize",
    .doc = "Resizing along one axis: y[i] = sum_k weight[i, k] x[at[i, k]].",
    .inputs = {"x"},
    .attrs = &kAttrsType<ResizeAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<ResizeAttrs>();
      Shape shape = c.shape(0);
      if (!is_float(c.dtype(0))) fail(c.name(), "got {}, expected a float", name(c.dtype(0)));
      if (a.axis < 0 || a.axis >= shape.rank()) {
        fail(c.name(), "axis {} is out of range for shape {}", a.axis, to_string(shape));
      }
      int64_t& size = shape[static_cast<int>(a.axis)];
      if (size < 1 || size > kMostSize) {
        fail(c.name(), "axis {} of {} has no elements, or too many", a.axis, to_string(c.shape(0)));
      }
      if (a.size < 1 || a.size > kMostSize)
        fail(c.name(), "got size {}, expected 1 or more", a.size);
      if (!(a.scale >= 0 && std::isfinite(a.scale))) {
        fail(c.name(), "got scale {}, expected a positive number", a.scale);
      }
      size = a.size;
      return {Type(c.dtype(0), shape)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      ResizeAttrs a = c.attr<ResizeAttrs>();
      a.size = c.in(0).shape()[static_cast<int>(a.axis)];
      a.adjoint = !a.adjoint;
      return {make(resize_op, {c.grad()}, a)};
    },
    .precision = Precision::follow,
    .flops =
        [](const Node& n) {
          const bool wide = n.attr<ResizeAttrs>().adjoint;
          const Shape& shape = wide ? n.inputs[0].shape() : n.types[0].shape;
          return 4.0 * static_cast<double>(shape.numel());
        },
};

Tensor resize(const Tensor& x, std::vector<int64_t> sizes, ResizeOptions options) {
  sizes = one_each(x, std::move(sizes), "resize", "sizes");
  return resize_axes(x, sizes, {}, options);
}

Tensor resize_by(const Tensor& x, std::vector<double> scales, ResizeOptions options) {
  scales = one_each(x, std::move(scales), "resize_by", "scales");
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < scales.size(); ++i) {
    const double size = static_cast<double>(x.shape()[static_cast<int>(i) + 2]) * scales[i];
    if (!(scales[i] > 0 && size >= 1 && size < static_cast<double>(kMostSize))) {
      fail("resize_by", "scale {} of {} leaves no elements, or too many", scales[i],
           to_string(x.shape()));
    }
    sizes.push_back(static_cast<int64_t>(size));
  }
  return resize_axes(x, sizes, scales, options);
}

}  // namespace suan
