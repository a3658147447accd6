// Poolings over windows and over whole images, max unpooling, and normalization over neighbouring
// channels, which is an average over windows of them. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/formats/onnx/internal/window.h"
#include "suan/ops/arange.h"
#include "suan/ops/argmax.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/pool.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

// What ceil_mode adds behind the padding, so that a last window that hangs over is complete.
std::vector<int64_t> overhang(const NodeView& n, const Shape& x, const Window& window) {
  std::vector<int64_t> extra(window.axes());
  if (!n.i("ceil_mode", 0)) return extra;
  for (size_t i = 0; i < extra.size(); ++i) {
    const int64_t size = x[static_cast<int>(i) + 2], stride = window.stride[i];
    const int64_t room = size + window.begin[i] + window.end[i] - window.extent(i);
    if (room < 0) continue;  // refused later
    int64_t windows = (room + stride - 1) / stride + 1;
    // One that would start behind the image does not count.
    if ((windows - 1) * stride >= size + window.begin[i]) --windows;
    extra[i] = std::max<int64_t>((windows - 1) * stride - room, 0);
  }
  return extra;
}

// Of what is made on the way to a result, which may be smaller.
void check_memory(const NodeView& n, const Type& type) {
  if (!type.shape.fits_memory() || type.bytes() > n.limits().value_bytes) {
    n.fail("{} is too large", to_string(type));
  }
}

using Pooling = Tensor (*)(const Tensor&, PoolAttrs);

// Pools axes one or two at a time, which gives the same and has fast kernels.
Tensor pool_by_planes(const Tensor& x, const PoolAttrs& all, Pooling pool) {
  const auto part = [&](size_t from, size_t to) {
    const auto some = [&](const std::vector<int64_t>& list) {
      return std::vector<int64_t>(list.begin() + static_cast<int64_t>(from),
                                  list.begin() + static_cast<int64_t>(to));
    };
    PoolAttrs a{.kernel = some(all.kernel),
                .stride = some(all.stride),
                .pad_begin = some(all.pad_begin),
                .pad_end = some(all.pad_end),
                .dilation = some(all.dilation),
                .count_padding = all.count_padding};
    if (to - from > 1) return a;
    for (auto* list : {&a.kernel, &a.stride, &a.dilation}) list->push_back(1);
    for (auto* list : {&a.pad_begin, &a.pad_end}) list->push_back(0);
    return a;
  };
  if (x.rank() <= 4) return pool(x, all);
  Tensor y = x;
  for (size_t left = all.kernel.size(); left > 0;) {
    const size_t from = left == all.kernel.size() ? left - 2 : left - 1;
    const int axis = static_cast<int>(from) + 2;
    Shape shape = y.shape();
    int64_t before = 1, after = 1;
    for (int i = 0; i < axis; ++i) before *= shape[i];
    for (int i = static_cast<int>(left) + 2; i < shape.rank(); ++i) after *= shape[i];
    const Shape plane{1, before, shape[axis], left - from > 1 ? shape[axis + 1] : after};
    const Tensor pooled = pool(reshape(y, plane), part(from, left));
    shape[axis] = pooled.shape()[2];
    if (left - from > 1) shape[axis + 1] = pooled.shape()[3];
    y = reshape(pooled, shape);
    left = from;
  }
  return y;
}

PoolAttrs attrs_of(const Window& w) {
  return {.kernel = w.kernel,
          .stride = w.stride,
          .pad_begin = w.begin,
          .pad_end = w.end,
          .dilation = w.dilation};
}

// Mean over windows. What ceil_mode adds is never counted, so counted padding becomes real zeros.
Tensor average(const NodeView& n, const Tensor& x, Window window, bool count_padding) {
  const std::vector<int64_t> extra = overhang(n, x.shape(), window);
  const bool hangs_over = std::ranges::any_of(extra, [](int64_t v) { return v > 0; });
  Tensor image = x;
  if (count_padding && hangs_over) {
    std::vector<int64_t> begin(2), end(2);
    begin.insert(begin.end(), window.begin.begin(), window.begin.end());
    end.insert(end.end(), window.end.begin(), window.end.end());
    image = pad(x, begin, end);
    check_memory(n, image.type());
    window.begin.assign(window.axes(), 0);
    window.end.assign(window.axes(), 0);
    count_padding = false;
  }
  for (size_t i = 0; i < extra.size(); ++i) window.end[i] += extra[i];
  PoolAttrs attrs = attrs_of(window);
  attrs.count_padding = count_padding;
  return pool_by_planes(image, attrs, avg_pool);
}

Outputs average_pool(const NodeView& n) {
  const Tensor& x = n.in(0);
  const Window window = padded_window(n, x.shape());
  return {cast(average(n, widened(x), window, n.i("count_include_pad", 0) != 0), x.dtype())};
}

// The norm of each window: the root of its sum of powers.
Tensor power(const Tensor& x, double p) {
  if (p == 1) return abs(x);
  return p == 2 ? square(x) : pow(abs(x), p);
}
Tensor root(const Tensor& x, double p) {
  if (p == 1) return x;
  return p == 2 ? sqrt(x) : pow(x, 1 / p);
}
double norm_of(const NodeView& n) {
  const double p = n.opset >= 2 ? static_cast<double>(n.i("p", 2)) : n.f("p", 2);
  if (!(p > 0 && p < 1e6)) n.fail("p is {}, expected a positive number", p);
  return p;
}
Outputs lp_pool(const NodeView& n) {
  const Tensor& x = n.in(0);
  const double p = norm_of(n);
  Window window = padded_window(n, x.shape());
  const std::vector<int64_t> extra = overhang(n, x.shape(), window);
  double count = 1;
  for (size_t i = 0; i < extra.size(); ++i) {
    window.end[i] += extra[i];
    count *= static_cast<double>(window.kernel[i]);
  }
  const Tensor mean = pool_by_planes(power(widened(x), p), attrs_of(window), avg_pool);
  return {cast(root(mean * count, p), x.dtype())};
}

// The positions of the elements that each window along axis `axis` reads, [windows, kernel]. Places
// in the padding are those of the nearest element inside, which changes no maximum.
std::vector<int64_t> window_positions(const NodeView& n, const Window& w, size_t axis,
                                      int64_t windows, int64_t size) {
  if (w.kernel[axis] > (int64_t{1} << 28) / std::max<int64_t>(windows, 1)) {
    n.fail("the kernel {} is too large for indices", w.kernel[axis]);
  }
  std::vector<int64_t> at;
  for (int64_t o = 0; o < windows; ++o) {
    const int64_t start = o * w.stride[axis] - w.begin[axis], step = w.dilation[axis];
    const int64_t first = start >= 0 ? start : start + (step - 1 - start) / step * step;
    const int64_t last = start + std::min(w.kernel[axis] - 1, (size - 1 - start) / step) * step;
    for (int64_t k = 0; k < w.kernel[axis]; ++k) {
      at.push_back(std::clamp(start + k * step, first, last));
    }
  }
  return at;
}

// Where in x the largest element of each window of y lies, counted over the whole of x.
Tensor max_positions(const NodeView& n, const Tensor& x, const Shape& y, const Window& w) {
  if (x.rank() > 5) n.fail("got {}, expected at most 3 spatial axes", to_string(x.shape()));
  const bool by_columns = n.i("storage_order", 0) != 0;
  const int axes = x.rank() - 2;
  int64_t images = x.shape()[0] * x.shape()[1], plane = 1, windows = 1, places = 1;
  Shape flat{images};
  for (int i = 0; i < axes; ++i) flat.push_back(x.shape()[i + 2]);
  Tensor parts = reshape(x, flat);  // [images, windows, kernel, ...] with a pair for each axis
  std::vector<int64_t> table{0}, order{0};
  for (int i = 0; i < axes; ++i) {
    const auto axis = static_cast<size_t>(i);
    const int64_t size = x.shape()[i + 2], outputs = y[i + 2], kernel = w.kernel[axis];
    const auto at = window_positions(n, w, axis, outputs, size);
    parts = gather(parts, Tensor::from(Array::of(std::span<const int64_t>(at), {outputs, kernel})),
                   1 + 2 * i);
    // The table holds the position in a plane of each place of each window: it grows by an axis,
    // [windows, places] to [windows, outputs, places, kernel].
    if (kernel * outputs > (int64_t{1} << 28) / (windows * places)) {
      n.fail("windows of {} are too many for indices", to_string(y));
    }
    std::vector<int64_t> grown;
    for (int64_t at_window = 0; at_window < windows * outputs; ++at_window) {
      for (int64_t place = 0; place < places * kernel; ++place) {
        const int64_t old =
            table[static_cast<size_t>(at_window / outputs * places + place / kernel)];
        const int64_t here = at[static_cast<size_t>(at_window % outputs * kernel + place % kernel)];
        grown.push_back(by_columns ? old + here * plane : old * size + here);
      }
    }
    table = std::move(grown);
    plane *= size;
    windows *= outputs;
    places *= kernel;
    order.push_back(1 + 2 * i);
  }
  for (int i = 0; i < axes; ++i) order.push_back(2 + 2 * i);
  const Tensor best = argmax(reshape(transpose(parts, order), {images, windows, places}), 2);
  const Tensor entry = best + arange(0, static_cast<double>(places), windows);
  const Tensor position =
      gather(Tensor::from(Array::of(std::span<const int64_t>(table), {windows * places})), entry);
  const Tensor image = reshape(arange(0, static_cast<double>(plane), images), {images, 1});
  return reshape(position + image, y);
}

Outputs max_pool_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  Window window = padded_window(n, x.shape());
  const std::vector<int64_t> extra = overhang(n, x.shape(), window);
  for (size_t i = 0; i < extra.size(); ++i) window.end[i] += extra[i];
  // f32 holds all 8-bit numbers, and its kernels are fast.
  const bool narrow = size_of(x.dtype()) < 4 && x.dtype() != DType::bf16;
  const Tensor wide = narrow ? cast(x, DType::f32) : x;
  const Tensor y = cast(pool_by_planes(wide, attrs_of(window), max_pool), x.dtype());
  if (!n.wants(1)) return {y};
  return {y, max_positions(n, x, y.shape(), window)};
}

// Elements at the positions that a max pooling gave, zeros between them.
Outputs max_unpool(const NodeView& n) {
  const Tensor &x = n.in(0), &positions = n.in(1);
  if (!(positions.shape() == x.shape())) {
    n.fail("got {} and indices {}, expected the same shape", to_string(x.shape()),
           to_string(positions.shape()));
  }
  const Window window = read_window(n, x.shape());
  Shape shape{x.shape()[0], x.shape()[1]};
  for (size_t i = 0; i < window.axes(); ++i) {
    shape.push_back((x.shape()[static_cast<int>(i) + 2] - 1) * window.stride[i] + window.kernel[i] -
                    window.begin[i] - window.end[i]);
    if (shape.back() < 1) n.fail("the padding leaves nothing of {}", to_string(x.shape()));
  }
  check_memory(n, Type(x.dtype(), shape));
  const Tensor flat =
      scatter(zeros({shape.numel()}, x.dtype()), reshape(positions, {x.shape().numel()}),
              reshape(x, {x.shape().numel()}), 0, Combine::set);
  Tensor y = reshape(flat, shape);
  if (!n.has(2)) return {y};
  const std::vector<int64_t> wanted = n.known_ints(2);
  if (wanted.size() != static_cast<size_t>(shape.rank())) {
    n.fail("output_shape has {} entries, expected {}", wanted.size(), shape.rank());
  }
  std::vector<int64_t> none(wanted.size()), after = none, ends = wanted;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int64_t size = shape[static_cast<int>(i)];
    if (wanted[i] < 1) n.fail("output_shape has {}", wanted[i]);
    after[i] = std::max<int64_t>(wanted[i] - size, 0);
  }
  return {pad(slice(y, none, ends), none, after)};
}

std::vector<int64_t> spatial_axes(const NodeView& n, const Tensor& x) {
  if (x.rank() < 2) n.fail("got {}, expected a batch of channels", to_string(x.shape()));
  std::vector<int64_t> axes;
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}
Outputs global_average_pool(const NodeView& n) {
  const Tensor& x = n.in(0);
  const auto axes = spatial_axes(n, x);
  return {axes.empty() ? x : mean(x, axes, true)};
}
Outputs global_max_pool(const NodeView& n) {
  const Tensor& x = n.in(0);
  const auto axes = spatial_axes(n, x);
  return {axes.empty() ? x : max(x, axes, true)};
}
Outputs global_lp_pool(const NodeView& n) {
  const Tensor& x = n.in(0);
  const auto axes = spatial_axes(n, x);
  const double p = norm_of(n);
  const Tensor powers = power(widened(x), p);
  return {cast(root(axes.empty() ? powers : sum(powers, axes, true), p), x.dtype())};
}

Outputs lrn(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int64_t size = n.i("size");
  if (x.rank() < 2) n.fail("got {}, expected a batch of channels", to_string(x.shape()));
  if (size < 1) n.fail("size is {}, expected 1 or more", size);
  const Shape& s = x.shape();
  const Tensor wide = widened(x);
  // Channels beyond both ends count nothing, so no more of them than there are need be looked at.
  const int64_t before = std::min((size - 1) / 2, s[1]), after = std::min(size / 2, s[1]);
  const int64_t taps = before + after + 1;
  int64_t rest = 1;
  for (int i = 2; i < s.rank(); ++i) rest *= s[i];
  Tensor total = reshape(square(wide), {1, s[0], s[1], rest});
  if (taps > 1) {
    total = avg_pool(
        total,
        {.kernel = {taps, 1}, .stride = {1, 1}, .pad_begin = {before, 0}, .pad_end = {after, 0}});
  }
  const double scale = n.f("alpha", 1e-4) * static_cast<double>(taps) / static_cast<double>(size);
  const Tensor base = n.f("bias", 1) + reshape(total, s) * scale;
  return {cast(wide / pow(base, n.f("beta", 0.75)), x.dtype())};
}

constexpr OperatorRule kRules[] = {
    {"AveragePool", average_pool},
    {"GlobalAveragePool", global_average_pool},
    {"GlobalLpPool", global_lp_pool},
    {"GlobalMaxPool", global_max_pool},
    {"LRN", lrn},
    {"LpPool", lp_pool},
    {"MaxPool", max_pool_rule},
    {"MaxUnpool", max_unpool},
};

}  // namespace

std::span<const OperatorRule> pool_rules() { return kRules; }

}  // namespace suan::onnx
