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
  const double length = a.scale > 0 ? a.scale * s : n;
  const double half = (o + 0.5) / scale - 0.5;
  switch (a.coordinates) {
    case ResizeCoordinates::half_pixel:
      return half;
    case ResizeCoordinates::align_corners:
      return length > 1 ? o * (s - 1) / (length - 1) : 0;
    case ResizeCoordinates::half_pixel_symmetric:
      return half + s / 2 * (1 - n / length);
    case ResizeCoordinates::pytorch_half_pixel:
      return n > 1 ? half : 0;
    case ResizeCoordinates::tf_half_pixel:
      return (o + 0.5) / scale;
    case ResizeCoordinates::crop:
      if (length <= 1) return 0.5 * (a.start + a.end) * (s - 1);
      return a.start * (s - 1) + o * (a.end - a.start) * (s - 1) / (length - 1);
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
double cubic(double a, double t) {
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return 0;
}

// How much the filter of linear and cubic is widened: more than 1 where it shrinks.
double filter_width(const ResizeAttrs& a, double n, double s) {
  const double scale = a.scale > 0 ? a.scale : n / s;
  return a.antialias ? std::max(1.0, 1 / scale) : 1.0;
}

class TapMaker {
 public:
  TapMaker(const ResizeAttrs& attrs, int64_t n, int64_t s)
      : a_(attrs),
        n_(static_cast<double>(n)),
        s_(static_cast<double>(s)),
        width_(filter_width(attrs, n_, s_)) {}

  void element(int64_t o) {
    const double p = position(a_, static_cast<double>(o), n_, s_);
    if (a_.mode == ResizeMode::nearest) {
      add(nearest(a_.round, p), 1);
    } else if (a_.mode == ResizeMode::area) {
      area(o);
    } else if (width_ > 1 || a_.mode == ResizeMode::cubic) {
      filter(p);
    } else {
      linear(p);
    }
    taps.first.push_back(static_cast<int64_t>(taps.at.size()));
  }

  ResizeTaps taps{{0}, {}, {}};

 private:
  void add(double at, double weight) {
    taps.at.push_back(static_cast<int64_t>(std::clamp(at, 0.0, s_ - 1)));
    taps.weight.push_back(weight);
  }

  void linear(double p) {
    const double inside = std::clamp(p, 0.0, s_ - 1), from = std::floor(inside);
    if (inside == from) return add(from, 1);
    add(from, 1 - (inside - from));
    add(from + 1, inside - from);
  }

  // The weights add up to 1, but for cubic, whose polynomial sees to that itself.
  void filter(double p) {
    const bool is_cubic = a_.mode == ResizeMode::cubic;
    const double reach = (is_cubic ? 2 : 1) * width_;
    const size_t begin = taps.at.size();
    double total = 0;
    for (double q = std::floor(p - reach) + 1; q < p + reach; ++q) {
      const double t = (q - p) / width_;
      const double weight = is_cubic ? cubic(a_.cubic_a, t) : 1 - std::abs(t);
      if (a_.exclude_outside && (q < 0 || q > s_ - 1)) continue;
      add(q, weight);
      total += weight;
    }
    if (width_ <= 1 && !a_.exclude_outside) return;
    if (total == 0) {  // nothing near is inside
      taps.at.resize(begin);
      taps.weight.resize(begin);
      return add(p, 1);
    }
    for (size_t k = begin; k < taps.weight.size(); ++k) taps.weight[k] /= total;
  }

  void area(int64_t o) {
    const auto n = static_cast<int64_t>(n_), s = static_cast<int64_t>(s_);
    const int64_t begin = o * s / n, end = ((o + 1) * s + n - 1) / n;
    for (int64_t i = begin; i < end; ++i) {
      add(static_cast<double>(i), 1.0 / static_cast<double>(end - begin));
    }
  }

  const ResizeAttrs& a_;
  double n_, s_, width_;
};

// Taps of n elements made of s.
ResizeTaps forward_taps(const ResizeAttrs& a, int64_t n, int64_t s) {
  TapMaker maker(a, n, s);
  for (int64_t o = 0; o < n; ++o) maker.element(o);
  return std::move(maker.taps);
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
    double scale = scales.empty() ? 0 : scales[k];
    if (o.coordinates == ResizeCoordinates::align_corners) scale = 0;  // corners meet
    if (sizes[k] == x.shape()[static_cast<int>(i) + 2] && (scale == 0 || scale == 1)) continue;
    y = resize_axis(y, {.axis = i + 2,
                        .size = sizes[k],
                        .mode = o.mode,
                        .coordinates = o.coordinates,
                        .round = o.round,
                        .scale = scale,
                        .antialias = o.antialias});
  }
  return y;
}

// Of n elements made of s.
void check_numbers(const ResizeAttrs& a, int64_t n, int64_t s, std::string_view op) {
  if (!(a.scale >= 0 && std::isfinite(a.scale))) {
    fail(op, "got scale {}, expected a positive number", a.scale);
  }
  const double length = a.scale * static_cast<double>(s);
  if (a.scale > 0 && !(length >= 0.5 && std::abs(length - static_cast<double>(n)) <= 1)) {
    fail(op, "scale {} does not make {} elements of {}", a.scale, n, s);
  }
  constexpr double kMost = 1e6;
  if (!(std::abs(a.start) <= kMost && std::abs(a.end) <= kMost && std::abs(a.cubic_a) <= kMost)) {
    fail(op, "got start {}, end {} and cubic_a {}, expected numbers of at most {}", a.start, a.end,
         a.cubic_a, kMost);
  }
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

double resize_position(const ResizeAttrs& attrs, int64_t o, int64_t inputs) {
  return position(attrs, static_cast<double>(o), static_cast<double>(attrs.size),
                  static_cast<double>(inputs));
}

Tensor resize_axis(const Tensor& x, ResizeAttrs attrs) { return make(resize_op, {x}, attrs); }

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
      check_numbers(a, a.adjoint ? size : a.size, a.adjoint ? a.size : size, c.name());
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
