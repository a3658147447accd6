// Resize and its forerunner Upsample: one axis after the other, by the op of that name.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/resize.h"
#include "suan/ops/shape_ops.h"

namespace suan::onnx {
namespace {

template <class E>
struct Name {
  std::string_view name;
  E value;
};
template <class E, size_t N>
E choose(const NodeView& n, std::string_view attribute, std::string_view otherwise,
         const Name<E> (&names)[N]) {
  const std::string given = n.s(attribute, otherwise);
  for (const auto& [name, value] : names) {
    if (name == given) return value;
  }
  n.fail("{} '{}' is unknown", attribute, given);
}

ResizeMode mode_of(const NodeView& n) {
  return choose<ResizeMode>(n, "mode", "nearest",
                            {{"nearest", ResizeMode::nearest},
                             {"linear", ResizeMode::linear},
                             {"bilinear", ResizeMode::linear},
                             {"cubic", ResizeMode::cubic}});
}

// What all axes have in common.
ResizeAttrs options_of(const NodeView& n) {
  using At = ResizeCoordinates;
  ResizeAttrs a{.mode = mode_of(n)};
  a.coordinates = choose<At>(n, "coordinate_transformation_mode", "half_pixel",
                             {{"half_pixel", At::half_pixel},
                              {"half_pixel_symmetric", At::half_pixel_symmetric},
                              {"pytorch_half_pixel", At::pytorch_half_pixel},
                              {"align_corners", At::align_corners},
                              {"asymmetric", At::asymmetric},
                              {"tf_half_pixel_for_nn", At::tf_half_pixel},
                              {"tf_crop_and_resize", At::crop}});
  a.round = choose<ResizeRound>(n, "nearest_mode", "round_prefer_floor",
                                {{"round_prefer_floor", ResizeRound::prefer_floor},
                                 {"round_prefer_ceil", ResizeRound::prefer_ceil},
                                 {"floor", ResizeRound::floor},
                                 {"ceil", ResizeRound::ceil}});
  if (a.mode == ResizeMode::nearest) return a;
  if (a.mode == ResizeMode::cubic) a.cubic_a = n.f("cubic_coeff_a", -0.75);
  a.antialias = n.i("antialias", 0) != 0;
  a.exclude_outside = n.i("exclude_outside", 0) != 0;
  return a;
}

bool is_identity(const ResizeAttrs& a, int64_t size) {
  const bool whole = a.coordinates != ResizeCoordinates::crop || (a.start == 0 && a.end == 1);
  return a.size == size && (a.scale == 0 || a.scale == 1) && whole;
}

// Linear and cubic are computed in a float that holds the numbers; whole ones are rounded at the
// end.
DType float_for(const NodeView& n, DType dtype) {
  if (dtype == DType::string) n.fail("text can only be resized to the nearest element");
  if (dtype == DType::f16) return DType::f32;
  return is_float(dtype) ? dtype : size_of(dtype) < 4 ? DType::f32 : DType::f64;
}

Tensor one_axis(const Tensor& x, const ResizeAttrs& a) {
  if (a.mode != ResizeMode::nearest || x.dtype() == DType::f32 || x.dtype() == DType::bf16) {
    return resize_axis(x, a);
  }
  // Elements of any dtype only move.
  const ResizeTaps taps = resize_taps(a, x.shape()[static_cast<int>(a.axis)]);
  return gather(x, Tensor::from(Array::of(std::span<const int64_t>(taps.at), {a.size})), a.axis);
}

// y with `value` where a position is outside x along any axis.
Tensor extrapolated(const Tensor& x, const Tensor& y, const std::vector<ResizeAttrs>& axes,
                    double value) {
  Tensor outside;
  for (const ResizeAttrs& a : axes) {
    const auto axis = static_cast<int>(a.axis);
    const int64_t size = x.shape()[axis];
    Array flags(DType::boolean, {a.size});
    bool any = false;
    for (int64_t o = 0; o < a.size; ++o) {
      const double p = resize_position(a, o, size);
      flags.as<bool>()[o] = p < 0 || p > static_cast<double>(size - 1);
      any = any || flags.as<bool>()[o];
    }
    if (!any) continue;
    Shape shape = Shape::filled(x.rank(), 1);
    shape[axis] = a.size;
    const Tensor here = reshape(Tensor::from(flags), shape);
    outside = outside ? logical_or(outside, here) : here;
  }
  return outside ? select(outside, full(value, {}, y.dtype()), y) : y;
}

// x resized along the axes of `requests`, those that shrink most first.
Tensor resized(const NodeView& n, const Tensor& x, std::vector<ResizeAttrs> requests) {
  Shape shape = x.shape();
  const auto size_along = [&](const ResizeAttrs& a) { return x.shape()[static_cast<int>(a.axis)]; };
  std::erase_if(requests, [&](const ResizeAttrs& a) { return is_identity(a, size_along(a)); });
  for (const ResizeAttrs& a : requests) {
    if (a.size < 1 || size_along(a) < 1) {
      n.fail("axis {} of {} would get {} elements", a.axis, to_string(x.shape()), a.size);
    }
    shape[static_cast<int>(a.axis)] = a.size;
  }
  if (!shape.fits_memory() || Type(x.dtype(), shape).bytes() > n.limits().value_bytes) {
    n.fail("the result {} is too large", to_string(shape));
  }
  const auto growth = [&](const ResizeAttrs& a) {
    return static_cast<double>(a.size) / static_cast<double>(size_along(a));
  };
  std::stable_sort(
      requests.begin(), requests.end(),
      [&](const ResizeAttrs& a, const ResizeAttrs& b) { return growth(a) < growth(b); });
  if (requests.empty()) return x;
  const bool moves = requests[0].mode == ResizeMode::nearest;
  Tensor y = moves ? x : cast(x, float_for(n, x.dtype()));
  for (const ResizeAttrs& a : requests) y = one_axis(y, a);
  if (requests[0].coordinates == ResizeCoordinates::crop) {
    y = extrapolated(x, y, requests, n.f("extrapolation_value", 0));
  }
  if (!moves && is_integer(x.dtype())) y = round(y);
  return cast(y, x.dtype());
}

int64_t scaled_size(const NodeView& n, int64_t size, double scale) {
  const double result = std::floor(static_cast<double>(size) * scale);
  if (!(scale > 0 && result < 1e12)) n.fail("got the scale {}", scale);
  return static_cast<int64_t>(result);
}

// As it was before opset 11: positions are o / scale, rounded towards the inside.
Tensor upsampled(const NodeView& n, const Tensor& x, const std::vector<double>& scales) {
  if (scales.size() != static_cast<size_t>(x.rank())) {
    n.fail("got {} scales, expected {}", scales.size(), x.rank());
  }
  std::vector<ResizeAttrs> requests;
  for (int i = 0; i < x.rank(); ++i) {
    const double scale = scales[static_cast<size_t>(i)];
    requests.push_back({.axis = i,
                        .size = scaled_size(n, x.shape()[i], scale),
                        .mode = mode_of(n),
                        .coordinates = ResizeCoordinates::asymmetric,
                        .round = scale < 1 ? ResizeRound::ceil : ResizeRound::floor,
                        .scale = scale});
  }
  return resized(n, x, std::move(requests));
}

Outputs upsample(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (n.opset >= 9 || n.has(1)) return {upsampled(n, x, n.known_numbers(1))};
  if (n.opset >= 7) return {upsampled(n, x, n.floats("scales"))};
  return {upsampled(n, x, {1, 1, n.f("height_scale", 1), n.f("width_scale", 1)})};
}

bool is_given(const NodeView& n, int input) {  // an input may be there and hold nothing
  return n.has(input) && n.in(input).shape().numel() > 0;
}

void check_count(const NodeView& n, std::string_view what, size_t got, size_t expected) {
  if (got != expected) n.fail("got {} {}, expected {}", got, what, expected);
}

std::vector<int64_t> axes_of(const NodeView& n, int rank) {
  std::vector<int64_t> axes = n.ints("axes");
  if (axes.empty()) {
    axes.resize(static_cast<size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  std::vector<bool> seen(static_cast<size_t>(rank));
  for (int64_t& axis : axes) {
    axis = axis_of(n, axis, rank);
    if (seen[static_cast<size_t>(axis)]) n.fail("axis {} is given twice", axis);
    seen[static_cast<size_t>(axis)] = true;
  }
  return axes;
}

// Gives the requests their sizes, as the input `sizes` says and keep_aspect_ratio_policy changes.
void set_sizes(const NodeView& n, const Shape& x, std::vector<ResizeAttrs>& requests) {
  const std::vector<int64_t> sizes = n.known_ints(3);
  check_count(n, "sizes", sizes.size(), requests.size());
  const std::string policy = n.s("keep_aspect_ratio_policy", "stretch");
  double least = INFINITY, most = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    requests[i].size = sizes[i];
    const double scale =
        static_cast<double>(sizes[i]) / static_cast<double>(x[static_cast<int>(requests[i].axis)]);
    least = std::min(least, scale);
    most = std::max(most, scale);
  }
  if (policy == "stretch") return;
  if (policy != "not_larger" && policy != "not_smaller") {
    n.fail("keep_aspect_ratio_policy '{}' is unknown", policy);
  }
  const double scale = policy == "not_larger" ? least : most;
  if (!(scale > 0 && scale < 1e9)) n.fail("sizes do not fit {}", to_string(x));
  for (ResizeAttrs& a : requests) {
    const auto size = static_cast<double>(x[static_cast<int>(a.axis)]);
    a.size = static_cast<int64_t>(std::floor(scale * size + 0.5));
    a.scale = scale;
  }
}

Outputs resize_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (n.opset < 11) return {upsampled(n, x, n.known_numbers(1))};
  const ResizeAttrs options = options_of(n);
  std::vector<ResizeAttrs> requests;
  for (int64_t axis : axes_of(n, x.rank())) {
    requests.push_back(options);
    requests.back().axis = axis;
  }
  const bool by_scales = is_given(n, 2);
  if (by_scales == is_given(n, 3)) n.fail("expected either scales or sizes");
  if (by_scales) {
    const std::vector<double> scales = n.known_numbers(2);
    check_count(n, "scales", scales.size(), requests.size());
    for (size_t i = 0; i < scales.size(); ++i) {
      ResizeAttrs& a = requests[i];
      a.scale = scales[i];
      a.size = scaled_size(n, x.shape()[static_cast<int>(a.axis)], scales[i]);
    }
  } else {
    set_sizes(n, x.shape(), requests);
  }
  if (options.coordinates == ResizeCoordinates::crop) {
    const std::vector<double> roi = n.known_numbers(1);
    check_count(n, "numbers in roi", roi.size(), 2 * requests.size());
    for (double v : roi) {
      if (!(std::abs(v) <= 1e6)) n.fail("roi has {}", v);
    }
    for (size_t i = 0; i < requests.size(); ++i) {
      requests[i].start = roi[i];
      requests[i].end = roi[i + requests.size()];
    }
  }
  return {resized(n, x, std::move(requests))};
}

constexpr OperatorRule kRules[] = {
    {"Resize", resize_rule},
    {"Upsample", upsample},
};

}  // namespace

std::span<const OperatorRule> resize_rules() { return kRules; }

}  // namespace suan::onnx
