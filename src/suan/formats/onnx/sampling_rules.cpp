// Operators that read images between their elements, and that make the places where they do.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "suan/formats/onnx/internal/sampling.h"
#include "suan/formats/onnx/internal/window.h"
#include "suan/ops/arange.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

int64_t product(std::span<const int64_t> sizes) {
  int64_t total = 1;
  for (int64_t size : sizes) total *= size;
  return total;
}
std::span<const int64_t> spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

void check_image(const NodeView& n, const Tensor& x) {
  if (x.rank() < 3 || x.rank() > 5) {
    n.fail("got {}, expected one to three spatial axes", to_string(x.shape()));
  }
  for (int64_t size : spatial(x.shape())) {
    if (size < 1) n.fail("got {}, an image without elements", to_string(x.shape()));
  }
}

// What sums of elements of this dtype are computed in.
DType float_for(DType dtype) {
  if (dtype == DType::f64 || dtype == DType::f32 || dtype == DType::bf16) return dtype;
  return is_float(dtype) || size_of(dtype) < 4 ? DType::f32 : DType::f64;
}

enum class Interpolation : uint8_t { nearest, linear, cubic };
enum class Padding : uint8_t { zeros, border, reflection };

// p mirrored at low and high until it is between them.
Tensor mirrored(const Tensor& p, double low, double high) {
  const double range = high - low;
  if (range <= 0) return zeros(p.shape(), p.dtype());
  const Tensor t = mod(p - low, 2 * range);
  return low + minimum(t, 2 * range - t);
}

struct GridOptions {
  Interpolation mode;
  Padding padding;
  bool align_corners;
};

// The taps along an axis of `size` elements for places given by numbers from -1 to 1.
AxisTaps grid_taps(const Tensor& given, int64_t size, const GridOptions& o) {
  const auto count = static_cast<double>(size);
  const double low = o.align_corners ? 0 : -0.5, high = o.align_corners ? count - 1 : count - 0.5;
  Tensor place =
      o.align_corners ? (given + 1.0) * ((count - 1) / 2) : ((given + 1.0) * count - 1.0) * 0.5;
  if (o.mode == Interpolation::nearest) place = round(place);
  const auto inside = [&](const Tensor& p) { return minimum(maximum(p, 0.0), count - 1); };
  if (o.padding == Padding::border) {
    const Tensor outside = logical_or(less(place, low), greater(place, high));
    place = select(outside, inside(place), place);
  } else if (o.padding == Padding::reflection) {
    place = mirrored(place, low, high);
  }
  Tensor positions, weight;
  if (o.mode == Interpolation::nearest) {
    positions = tap_positions(place, 0, 1);
  } else if (o.mode == Interpolation::linear) {
    positions = tap_positions(place, 0, 2);
    weight = linear_weights(place, positions);
  } else {
    positions = tap_positions(place, -1, 4);
    weight = cubic_weights(place, positions);
  }
  if (o.padding == Padding::zeros) return bounded(positions, weight, size);
  if (o.padding == Padding::reflection) positions = mirrored(positions, low, high);
  return {.size = size, .at = cast(inside(positions), DType::i64), .weight = weight, .inside = {}};
}

GridOptions grid_options(const NodeView& n) {
  GridOptions o{Interpolation::linear, Padding::zeros, n.i("align_corners", 0) != 0};
  const std::string mode = n.s("mode", "linear"), padding = n.s("padding_mode", "zeros");
  if (mode == "nearest") {
    o.mode = Interpolation::nearest;
  } else if (mode == "cubic" || mode == "bicubic") {
    o.mode = Interpolation::cubic;
  } else if (mode != "linear" && mode != "bilinear") {
    n.fail("mode '{}' is unknown, expected nearest, linear or cubic", mode);
  }
  if (padding == "border") {
    o.padding = Padding::border;
  } else if (padding == "reflection") {
    o.padding = Padding::reflection;
  } else if (padding != "zeros") {
    n.fail("padding_mode '{}' is unknown, expected zeros, border or reflection", padding);
  }
  return o;
}

Outputs grid_sample(const NodeView& n) {
  const Tensor &x = n.in(0), &grid = n.in(1);
  check_image(n, x);
  const Shape &s = x.shape(), &g = grid.shape();
  const int axes = s.rank() - 2;
  if (g.rank() != s.rank() || g.back() != axes || g[0] != s[0]) {
    n.fail("got {} and grid {}, expected a grid [{}, sizes..., {}]", to_string(s), to_string(g),
           s[0], axes);
  }
  const GridOptions options = grid_options(n);
  const int64_t elements = product(spatial(s));
  const int64_t points = product({g.begin() + 1, g.end() - 1});
  std::vector<AxisTaps> taps;
  for (int i = 0; i < axes; ++i) {  // the grid names the last axis first
    const Tensor given = reshape(take(grid, -1, axes - 1 - i), {s[0], points});
    taps.push_back(grid_taps(cast(given, wide(grid.dtype())), s[i + 2], options));
  }
  const Tensor image = reshape(arange(0, static_cast<double>(elements), s[0]), {s[0], 1});
  const bool moves = options.mode == Interpolation::nearest;
  const Tensor rows = pixel_rows(moves ? x : cast(x, float_for(x.dtype())));
  const Tensor y = blend(rows, combine(taps, image, s[0] * elements));
  Shape shape{s[0], s[1]};
  for (int i = 1; i + 1 < g.rank(); ++i) shape.push_back(g[i]);
  return {cast(reshape(transpose(reshape(y, {s[0], points, s[1]}), {0, 2, 1}), shape), x.dtype())};
}

// Positions of the elements that kernels read before offsets move them: [1, 1, kernel, outputs].
Tensor regular_places(const Window& w, std::span<const int64_t> outputs, size_t axis, DType dtype) {
  const auto axes = static_cast<int>(w.axes()), at = static_cast<int>(axis);
  Shape all, kernel = Shape::filled(2 * axes, 1), output = kernel;
  for (int64_t size : w.kernel) all.push_back(size);
  for (int64_t size : outputs) all.push_back(size);
  kernel[at] = all[at];
  output[axes + at] = all[axes + at];
  const auto step = [](int64_t v) { return static_cast<double>(v); };
  const Tensor sum =
      reshape(arange(0, step(w.dilation[axis]), all[at], dtype), kernel) +
      reshape(arange(-step(w.begin[axis]), step(w.stride[axis]), all[axes + at], dtype), output);
  return reshape(broadcast_to(sum, all), {1, 1, product(w.kernel), product(outputs)});
}

void check_deform(const NodeView& n, const Shape& x, const Shape& w, const Shape& offset,
                  const Window& window, int64_t groups, int64_t parts) {
  const int64_t kernel = product(window.kernel);
  if (groups < 1 || groups > w[0] || parts < 1 || parts > x[1] || x[1] % parts ||
      x[1] != w[1] * groups || w[0] % groups) {
    n.fail("got {}, weights {}, group {} and offset_group {}", to_string(x), to_string(w), groups,
           parts);
  }
  if (offset.rank() != x.rank() || offset[0] != x[0] ||
      offset[1] != parts * kernel * static_cast<int64_t>(window.axes())) {
    n.fail("got offsets {} for {} and weights {}", to_string(offset), to_string(x), to_string(w));
  }
  for (size_t i = 0; i < window.axes(); ++i) {
    const int axis = static_cast<int>(i) + 2;
    const int64_t room = x[axis] + window.begin[i] + window.end[i] - window.extent(i);
    if (room < 0 || offset[axis] != room / window.stride[i] + 1) {
      n.fail("offsets {} do not fit {} and this kernel, stride and padding", to_string(offset),
             to_string(x));
    }
  }
}

// A convolution whose kernel reads elements at places that offsets move: the elements are gathered
// as columns, and then it is a product of matrices.
Outputs deform_conv(const NodeView& n) {
  const Tensor &x = n.in(0), &w = n.in(1), &offset = n.in(2);
  const Tensor bias = n.optional(3), mask = n.optional(4);
  check_image(n, x);
  if (w.rank() != x.rank()) n.fail("got weights {}", to_string(w.shape()));
  const Shape& s = x.shape();
  const Window window = read_window(n, s, spatial(w.shape()));
  const int64_t groups = n.i("group", 1), parts = n.i("offset_group", 1);
  check_deform(n, s, w.shape(), offset.shape(), window, groups, parts);
  const DType dtype = wide(x.dtype());
  const int64_t elements = product(spatial(s)), kernel = product(window.kernel);
  const int64_t outputs = product(spatial(offset.shape())), channels = s[1] / parts;
  const auto axes = static_cast<int64_t>(window.axes());
  const Tensor moved = cast(reshape(offset, {s[0], parts, kernel, axes, outputs}), dtype);
  std::vector<AxisTaps> taps;
  for (size_t i = 0; i < window.axes(); ++i) {
    const Tensor place = take(moved, 3, static_cast<int64_t>(i)) +
                         regular_places(window, spatial(offset.shape()), i, dtype);
    taps.push_back(linear_taps(place, s[static_cast<int>(i) + 2]));
  }
  const Tensor rows = pixel_rows(reshape(cast(x, dtype), {s[0] * parts, channels, elements}));
  const Tensor base =
      reshape(arange(0, static_cast<double>(elements), s[0] * parts), {s[0], parts, 1, 1});
  Tensor columns = reshape(blend(rows, combine(taps, base, s[0] * parts * elements)),
                           {s[0], parts, kernel, outputs, channels});
  if (mask) columns = columns * cast(reshape(mask, {s[0], parts, kernel, outputs, 1}), dtype);
  columns =
      reshape(transpose(columns, {0, 1, 4, 2, 3}), {s[0], groups, s[1] / groups * kernel, outputs});
  const Shape& ws = w.shape();
  const Tensor weights = reshape(cast(w, dtype), {groups, ws[0] / groups, ws[1] * kernel});
  Shape shape{s[0], ws[0]}, bias_shape = Shape::filled(s.rank() - 1, 1);
  for (int64_t size : spatial(offset.shape())) shape.push_back(size);
  Tensor y = reshape(matmul(weights, columns), shape);
  bias_shape[0] = ws[0];
  if (bias) y = y + cast(reshape(bias, bias_shape), dtype);
  return {cast(y, x.dtype())};
}

// `count` numbers from -1 to 1: in the middles of as many parts, or with both ends.
Tensor grid_line(int64_t count, bool ends, DType dtype) {
  const auto size = static_cast<double>(count);
  if (ends) return count > 1 ? arange(-1, 2 / (size - 1), count, dtype) : zeros({count}, dtype);
  return arange(-1 + 1 / size, 2 / size, count, dtype);
}

Outputs affine_grid(const NodeView& n) {
  const Tensor& theta = n.in(0);
  const std::vector<int64_t> sizes = n.known_ints(1);
  const auto axes = static_cast<int>(sizes.size()) - 2;
  if ((axes != 2 && axes != 3) || !(theta.shape() == Shape{sizes[0], axes, axes + 1})) {
    n.fail("got matrices {} and {} sizes", to_string(theta.shape()), sizes.size());
  }
  for (int64_t size : sizes) {
    if (size < 1 || size > int64_t{1} << 40) n.fail("got the size {}", size);
  }
  const DType dtype = wide(theta.dtype());
  Shape column = Shape::filled(axes + 2, 1);
  column[0] = sizes[0];
  column[axes + 1] = axes;
  const auto factor = [&](int64_t i) { return reshape(take(cast(theta, dtype), 2, i), column); };
  Tensor grid = factor(axes);
  for (int i = 0; i < axes; ++i) {  // the matrices' columns name the last axis first
    const int axis = axes - i;
    Shape line = Shape::filled(axes + 2, 1);
    line[axis] = sizes[static_cast<size_t>(axis) + 1];
    grid = grid +
           factor(i) * reshape(grid_line(line[axis], n.i("align_corners", 0) != 0, dtype), line);
  }
  return {cast(grid, theta.dtype())};
}

constexpr OperatorRule kRules[] = {
    {"AffineGrid", affine_grid},
    {"DeformConv", deform_conv},
    {"GridSample", grid_sample},
};

}  // namespace

std::span<const OperatorRule> sampling_rules() { return kRules; }

}  // namespace suan::onnx
