// Poolings over regions of interest. Which elements a region covers is data: RoiAlign with a fixed
// number of samples follows it in the graph, the others want regions that are known.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>

#include "suan/formats/onnx/internal/sampling.h"
#include "suan/ops/arange.h"
#include "suan/ops/check_range.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/segment.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

struct Align {
  int64_t outputs[2];   // height, width
  int64_t sampling;     // samples along each axis of a bin; 0: as many as it has elements
  double scale, shift;  // from coordinates of regions to those of elements
  bool at_least_one;    // regions count as one element long at least
  bool largest;         // else the mean
};

Align align_of(const NodeView& n) {
  const std::string mode = n.s("mode", "avg");
  const std::string places =
      n.s("coordinate_transformation_mode", n.opset >= 16 ? "half_pixel" : "output_half_pixel");
  if (mode != "avg" && mode != "max") n.fail("mode '{}' is unknown, expected avg or max", mode);
  if (places != "half_pixel" && places != "output_half_pixel") {
    n.fail("coordinate_transformation_mode '{}' is unknown", places);
  }
  const bool half = places == "half_pixel";
  const Align a{{n.i("output_height", 1), n.i("output_width", 1)},
                n.i("sampling_ratio", 0),
                n.f("spatial_scale", 1),
                half ? 0.5 : 0,
                !half,
                mode == "max"};
  constexpr int64_t kMost = int64_t{1} << 20;
  if (std::min(a.outputs[0], a.outputs[1]) < 1 || std::max(a.outputs[0], a.outputs[1]) > kMost) {
    n.fail("got the output size [{}, {}]", a.outputs[0], a.outputs[1]);
  }
  if (a.sampling < 0 || a.sampling > kMost) n.fail("sampling_ratio is {}", a.sampling);
  return a;
}

// The samples along an axis that the bins of each region have: a number, or i64 [regions].
struct Samples {
  int64_t most = 1;
  Tensor each;  // undefined: `most`
};
Samples samples_of(const NodeView& n, const Align& a, int axis, int64_t regions) {
  if (a.sampling > 0) return {a.sampling, {}};
  const std::vector<double> rois = n.known_numbers(1);
  std::vector<int64_t> counts;
  Samples samples;
  for (int64_t r = 0; r < regions; ++r) {
    const auto at = [&](int64_t k) {
      return static_cast<float>(rois[static_cast<size_t>(r * 4 + k)] * a.scale - a.shift);
    };
    float length = at(3 - axis) - at(1 - axis);
    if (a.at_least_one) length = std::max(length, 1.0f);
    const float count = std::ceil(length / static_cast<float>(a.outputs[axis]));
    if (!(std::abs(count) < 1e6f)) n.fail("region {} is {} elements long", r, length);
    counts.push_back(std::max<int64_t>(static_cast<int64_t>(count), 0));
    samples.most = std::max(samples.most, counts.back());
  }
  samples.each = Tensor::from(Array::list(counts));
  return samples;
}

// Taps of all samples of a bin along an axis of `size` elements, [regions, 1, 1, taps] with the
// bins at axis 1 or 2.
AxisTaps bin_taps(const Tensor& rois, const Align& a, int axis, const Samples& samples,
                  int64_t size) {
  const int64_t regions = rois.shape()[0], outputs = a.outputs[axis];
  const DType dtype = rois.dtype();
  const auto corner = [&](int64_t k) {
    return reshape(take(rois, 1, k) * a.scale - a.shift, {regions, 1, 1});
  };
  const Tensor start = corner(1 - axis);
  Tensor length = corner(3 - axis) - start;
  if (a.at_least_one) length = maximum(length, 1.0);
  const Tensor bin = length / static_cast<double>(outputs);
  Tensor number = arange(0, 1, samples.most, dtype), weight;
  Tensor step = bin / static_cast<double>(samples.most);
  const double share = 1 / static_cast<double>(samples.most);
  if (samples.each) {
    const Tensor count = reshape(cast(samples.each, dtype), {regions, 1, 1});
    const Tensor counted = maximum(count, 1.0);
    step = bin / counted;
    // Where a mean leaves samples out, a maximum sees the last one again.
    weight = a.largest ? select(greater(count, 0.0), full(1, {}, dtype), 0.0)
                       : select(less(number, count), 1.0 / counted, 0.0);
    if (a.largest) number = minimum(number, counted - 1.0);
  }
  const Tensor bins = reshape(arange(0, 1, outputs, dtype), {1, outputs, 1});
  const Tensor place = start + bins * bin + (number + 0.5) * step;  // [regions, outputs, samples]
  const auto count = static_cast<double>(size);
  const Tensor inside = logical_and(greater_equal(place, -1.0), less_equal(place, count));
  const Tensor near = minimum(maximum(place, 0.0), count - 1);
  const Tensor positions = tap_positions(near, 0, 2);
  Tensor factor = select(inside, full(a.largest || weight ? 1 : share, {}, dtype), 0.0);
  if (weight) factor = factor * weight;
  const Shape all = positions.shape();
  Shape shape{regions, 1, 1, samples.most * 2}, spread = factor.shape();
  shape[1 + axis] = outputs;
  spread.push_back(1);
  const Tensor weights = linear_weights(near, positions) * reshape(factor, spread);
  const Tensor at = minimum(maximum(positions, 0.0), count - 1);
  return {.size = size,
          .at = reshape(cast(at, DType::i64), shape),
          .weight = reshape(broadcast_to(weights, all), shape),
          .inside = {}};
}

Outputs roi_align(const NodeView& n) {
  const Tensor &x = n.in(0), &rois = n.in(1), &batch = n.in(2);
  const Shape& s = x.shape();
  if (s.rank() != 4 || s[2] < 1 || s[3] < 1) n.fail("got {}, expected images", to_string(s));
  if (rois.rank() != 2 || rois.shape()[1] != 4 || !(batch.shape() == Shape{rois.shape()[0]})) {
    n.fail("got regions {} and batch indices {}, expected [n, 4] and [n]", to_string(rois.shape()),
           to_string(batch.shape()));
  }
  const Align a = align_of(n);
  const int64_t regions = rois.shape()[0];
  const DType dtype = wide(x.dtype());
  std::vector<AxisTaps> taps;
  double places = static_cast<double>(regions);
  for (int axis = 0; axis < 2; ++axis) {
    const Samples samples = samples_of(n, a, axis, regions);
    places *= 2.0 * static_cast<double>(samples.most) * static_cast<double>(a.outputs[axis]);
    if (places * 8 > static_cast<double>(n.limits().value_bytes)) n.fail("has too many samples");
    taps.push_back(bin_taps(cast(rois, dtype), a, axis, samples, s[2 + axis]));
  }
  const Tensor image =
      check_range(cast(batch, DType::i64),
                  {.low = 0, .high = s[0] - 1, .where = "RoiAlign", .what = "batch index"});
  const Tensor base = reshape(image * static_cast<double>(s[2] * s[3]), {regions, 1, 1});
  const Tensor rows = pixel_rows(cast(x, dtype));
  const Taps all = combine(taps, base, 0);
  Tensor y;
  if (a.largest) {  // the largest weighted element, not the largest sample
    Shape column = all.weight.shape();
    column.push_back(1);
    y = max(gather(rows, all.row, 0) * reshape(all.weight, column), {3, 4});
  } else {
    y = reshape(blend(rows, all), {regions, a.outputs[0], a.outputs[1], s[1]});
  }
  return {cast(transpose(y, {0, 3, 1, 2}), x.dtype())};
}

// Positions [first, last) of the elements along an axis that bin i of a region covers.
struct Range {
  int64_t first, last;
};
Range bin_range(double from, double to, int64_t i, int64_t bins, int64_t size) {
  const double start = std::round(from), length = std::max(std::round(to) - start + 1, 1.0);
  const double bin = length / static_cast<double>(bins), top = static_cast<double>(size);
  const auto inside = [&](double p) {
    return std::isfinite(p) ? static_cast<int64_t>(std::clamp(p, 0.0, top)) : 0;
  };
  return {inside(start + std::floor(static_cast<double>(i) * bin)),
          inside(start + std::ceil(static_cast<double>(i + 1) * bin))};
}

// The largest element of each bin; 0 where a bin covers none. Girshick, "Fast R-CNN", 2015.
Outputs max_roi_pool(const NodeView& n) {
  const Tensor& x = n.in(0);
  const Shape &s = x.shape(), &r = n.in(1).shape();
  const std::vector<int64_t> bins = n.ints("pooled_shape");
  constexpr int64_t kMost = 1 << 16;
  if (s.rank() != 4 || r.rank() != 2 || r[1] != 5 || bins.size() != 2 ||
      std::min(bins[0], bins[1]) < 1 || std::max(bins[0], bins[1]) > kMost) {
    n.fail("got {}, regions {} and {} pooled sizes", to_string(s), to_string(r), bins.size());
  }
  const std::vector<double> rois = n.known_numbers(1);
  const double scale = n.f("spatial_scale", 1);
  const size_t most = n.limits().value_bytes / 8 / static_cast<size_t>(std::max<int64_t>(s[1], 1));
  if (r[0] > static_cast<int64_t>(most) / (bins[0] * bins[1])) {
    n.fail("{} regions of [{}, {}] are too many", r[0], bins[0], bins[1]);
  }
  std::vector<int64_t> rows, owners;
  for (int64_t bin = 0; bin < r[0] * bins[0] * bins[1]; ++bin) {
    const auto roi = static_cast<size_t>(bin / (bins[0] * bins[1]) * 5);
    if (!(rois[roi] >= 0 && rois[roi] < static_cast<double>(s[0]))) {
      n.fail("a region is of image {}, expected 0 to {}", rois[roi], s[0] - 1);
    }
    const auto image = static_cast<int64_t>(rois[roi]);
    const Range h = bin_range(rois[roi + 2] * scale, rois[roi + 4] * scale, bin / bins[1] % bins[0],
                              bins[0], s[2]);
    const Range w =
        bin_range(rois[roi + 1] * scale, rois[roi + 3] * scale, bin % bins[1], bins[1], s[3]);
    for (int64_t i = h.first; i < h.last; ++i) {
      for (int64_t j = w.first; j < w.last; ++j) {
        rows.push_back((image * s[2] + i) * s[3] + j);
        owners.push_back(bin);
      }
    }
    if (rows.size() > most) n.fail("the regions cover more than {} elements", most);
  }
  const Tensor covered =
      gather(pixel_rows(cast(x, wide(x.dtype()))), Tensor::from(Array::list(rows)), 0);
  const Tensor y =
      segment_max(covered, Tensor::from(Array::list(owners)), r[0] * bins[0] * bins[1]);
  const Tensor pooled = transpose(reshape(y, {r[0], bins[0], bins[1], s[1]}), {0, 3, 1, 2});
  return {cast(pooled, x.dtype())};
}

constexpr OperatorRule kRules[] = {
    {"MaxRoiPool", max_roi_pool},
    {"RoiAlign", roi_align},
};

}  // namespace

std::span<const OperatorRule> roi_rules() { return kRules; }

}  // namespace suan::onnx
