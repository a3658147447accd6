// Taps and their sums.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/sampling.h"

#include "suan/ops/arange.h"
#include "suan/ops/csr_matmul.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"

namespace suan::onnx {
namespace {

Tensor column(const Tensor& x) {  // [points...] to [points..., 1]
  Shape shape = x.shape();
  shape.push_back(1);
  return reshape(x, shape);
}

// [points..., taps] to [points..., 1, taps, 1...] with the taps at `axis` of `axes`.
Tensor spread_taps(const Tensor& x, size_t axis, size_t axes) {
  Shape shape = x.shape();
  const int64_t taps = shape.back();
  shape[shape.rank() - 1] = axis == 0 ? taps : 1;
  for (size_t i = 1; i < axes; ++i) shape.push_back(i == axis ? taps : 1);
  return reshape(x, shape);
}

}  // namespace

Tensor tap_positions(const Tensor& place, int64_t first, int64_t count) {
  return column(floor(place)) + arange(static_cast<double>(first), 1, count, place.dtype());
}
Tensor linear_weights(const Tensor& place, const Tensor& positions) {
  return 1.0 - abs(positions - column(place));
}
Tensor cubic_weights(const Tensor& place, const Tensor& positions) {
  constexpr double kA = -0.75;
  const Tensor t = abs(positions - column(place));
  const Tensor near = ((kA + 2) * t - (kA + 3)) * t * t + 1.0;
  const Tensor far = ((kA * t - 5 * kA) * t + 8 * kA) * t - 4 * kA;
  return select(less_equal(t, 1.0), near, far);
}

AxisTaps bounded(const Tensor& positions, const Tensor& weight, int64_t size) {
  const auto last = static_cast<double>(size - 1);
  const Tensor inside = logical_and(greater_equal(positions, 0.0), less_equal(positions, last));
  const Tensor at = minimum(maximum(positions, 0.0), last);
  return {.size = size, .at = cast(at, DType::i64), .weight = weight, .inside = inside};
}

AxisTaps linear_taps(const Tensor& place, int64_t size) {
  const Tensor positions = tap_positions(place, 0, 2);
  return bounded(positions, linear_weights(place, positions), size);
}

Taps combine(const std::vector<AxisTaps>& axes, const Tensor& base, int64_t outside_row) {
  Taps taps;
  Shape shape = base.shape();
  for (size_t i = 0; i < axes.size(); ++i) shape.push_back(1);
  taps.row = reshape(base, shape);
  Tensor inside;
  double stride = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    const auto lift = [&](const Tensor& x) { return spread_taps(x, i, axes.size()); };
    const AxisTaps& axis = axes[i];
    taps.row = taps.row + lift(axis.at) * stride;
    stride *= static_cast<double>(axis.size);
    if (axis.weight) {
      taps.weight = taps.weight ? taps.weight * lift(axis.weight) : lift(axis.weight);
    }
    if (axis.inside) inside = inside ? logical_and(inside, lift(axis.inside)) : lift(axis.inside);
  }
  if (inside) {
    taps.row = select(inside, taps.row, full(static_cast<double>(outside_row), {}, DType::i64));
    taps.has_outside = true;
  }
  const Shape& all = taps.row.shape();
  if (taps.weight) taps.weight = broadcast_to(taps.weight, all);
  for (int i = 0; i < all.rank() - static_cast<int>(axes.size()); ++i) {
    taps.points.push_back(all[i]);
  }
  return taps;
}

Tensor blend(const Tensor& rows, const Taps& taps) {
  const Tensor image = taps.has_outside ? pad(rows, {0, 0}, {1, 0}) : rows;
  const int64_t points = taps.points.numel(), count = taps.row.shape().numel();
  const Tensor columns = reshape(taps.row, {count});
  if (!taps.weight && points == count) return gather(image, columns, 0);
  const int64_t each = points ? count / points : 0;
  const Tensor weight = taps.weight ? reshape(cast(taps.weight, rows.dtype()), {count}) : Tensor();
  return csr_matmul(arange(0, static_cast<double>(each), points + 1), columns, weight, image);
}

Tensor pixel_rows(const Tensor& x) {
  const Shape& s = x.shape();
  int64_t elements = 1;
  for (int i = 2; i < s.rank(); ++i) elements *= s[i];
  return reshape(transpose(reshape(x, {s[0], s[1], elements}), {0, 2, 1}), {s[0] * elements, s[1]});
}

}  // namespace suan::onnx
