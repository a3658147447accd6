// Sums that could grow beyond what f32 adds exactly are cut into parts, which are added in i32.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/integer_product.h"

#include <algorithm>
#include <numeric>

#include "suan/backend/evaluate.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/quantize.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/tensor/compile.h"

namespace suan::onnx {
namespace {

// f32 adds whole numbers exactly below 2^24; less what the bounds themselves are rounded by.
constexpr double kMostExact = (1 << 24) - 256;
// The largest distance of an 8-bit number from a zero point.
constexpr double kMostDistance = 255;

double number_of(const Tensor& x) {
  const Array value = evaluate(cast(x, DType::f64), current_backend());
  return value.as<double>()[0];
}
bool all_are(const Tensor& known, double value) {
  return known.shape().numel() == 0 ||
         (number_of(min(known)) == value && number_of(max(known)) == value);
}

// How far numbers lie below and above 0.
struct Reach {
  double below = kMostDistance, above = kMostDistance;
  double most() const { return std::max(below, above); }
};
Reach reach_of(const Factor& x) {
  const auto [low, high] = integer_range(x.q.dtype());
  if (!x.zero) return {-low, high};
  if (!is_constant(x.zero) || x.zero.shape().numel() == 0) return {};
  const Tensor zero = cast(x.zero, DType::f32);
  return {std::max(number_of(max(zero)) - low, 0.0), std::max(high - number_of(min(zero)), 0.0)};
}

// The largest sum of products, in whatever order they are added: of weights w along the axes
// `added` with numbers of this reach.
double largest_sum(const Factor& w, const std::vector<int64_t>& added, Reach x) {
  const Shape& shape = w.q.shape();
  if (shape.numel() == 0) return 0;
  if (!w.is_known()) {
    double terms = 1;
    for (int64_t axis : added) terms *= static_cast<double>(shape[static_cast<int>(axis)]);
    return terms * x.most() * reach_of(w).most();
  }
  const Tensor values = w.floats();
  const Tensor up = sum(maximum(values, 0.0), added), down = sum(maximum(-values, 0.0), added);
  const Tensor largest = maximum(up * x.above + down * x.below, up * x.below + down * x.above);
  return number_of(max(largest));
}

// Appends where parts of [begin, end) of an axis end, so that each one's sums are exact. False
// where one position alone may exceed that.
bool cut(const Factor& w, int axis, const std::vector<int64_t>& added, Reach x, int64_t begin,
         int64_t end, std::vector<int64_t>& ends) {
  if (largest_sum(w.narrowed(axis, begin, end), added, x) < kMostExact) {
    ends.push_back(end);
    return true;
  }
  if (end - begin < 2) return false;
  const int64_t middle = begin + (end - begin) / 2;
  return cut(w, axis, added, x, begin, middle, ends) && cut(w, axis, added, x, middle, end, ends);
}
// The ends of all parts; empty: there are none such.
std::vector<int64_t> cuts(const Factor& w, int axis, const std::vector<int64_t>& added, Reach x) {
  std::vector<int64_t> ends;
  if (!cut(w, axis, added, x, 0, w.q.shape()[axis], ends)) ends.clear();
  return ends;
}

Tensor joined(const std::vector<Tensor>& parts) {
  if (parts.size() == 1) return parts[0];
  Tensor total;
  for (const Tensor& part : parts) {
    const Tensor whole = cast(part, DType::i32);
    total = total ? total + whole : whole;
  }
  return total;
}

// A zero point of all data that only data gives is taken off afterwards: kernels want it known, and
// the sums of known weights, which it is multiplied by, are.
bool comes_late(const Factor& x, const Factor& w) {
  const bool late = x.zero && !is_constant(x.zero) && x.zero.shape().numel() == 1;
  return late && w.is_known() && !w.zero;
}
Tensor without_zero(const Tensor& product, const Factor& x, const Tensor& sums) {
  return product + cast(reshape(x.zero, {}), DType::f32) * folded(-sums);
}

Tensor part_of_matmul(const Factor& a, const Factor& b, int inner) {
  const MatmulAttrs exact{.exact = true};
  if (!comes_late(a, b) || b.q.rank() != 2) return matmul(a.floats(), b.floats(), exact);
  return without_zero(matmul(Factor{a.q, {}}.floats(), b.floats(), exact), a,
                      sum(b.floats(), {inner}));
}

Tensor part_of_conv(const Factor& x, const Factor& w, const ConvAttrs& attrs) {
  if (!comes_late(x, w)) return conv(x.floats(), w.floats(), {}, attrs);
  // Padding has no zero point: near the edges fewer weights count.
  Shape image = x.q.shape();
  image[0] = 1;
  return without_zero(conv(Factor{x.q, {}}.floats(), w.floats(), {}, attrs), x,
                      conv(full(1, image), w.floats(), {}, attrs));
}

Factor checked(const NodeView& n, int input, const Tensor& zero) {
  const Tensor& x = n.in(input);
  if (x.dtype() != DType::i8 && x.dtype() != DType::u8) {
    n.fail("input {} is {}, expected i8 or u8", input, name(x.dtype()));
  }
  if (zero && (zero.dtype() != x.dtype() || !broadcasts_to(zero.shape(), x.shape()))) {
    n.fail("the zero point of input {} is {}, expected it to fit {}", input, to_string(zero.type()),
           to_string(x.type()));
  }
  return {x, zero_or_none(zero)};
}

}  // namespace

Tensor folded(const Tensor& x) {
  return is_constant(x) ? Tensor::from(evaluate(x, current_backend())) : x;
}

bool Factor::is_known() const { return is_constant(q) && (!zero || is_constant(zero)); }

Tensor Factor::floats() const {
  return dequantize(q, full(1, zero ? zero.shape() : Shape{}, DType::f32), zero);
}

Factor Factor::narrowed(int axis, int64_t begin, int64_t end) const {
  const auto part = [&](const Tensor& t, int along) {
    const bool whole = along < 0 || t.shape()[along] == 1 || t.shape()[along] == end - begin;
    return whole ? t : folded(narrow(t, along, begin, end));
  };
  return {part(q, axis), zero ? part(zero, axis - (q.rank() - zero.rank())) : zero};
}

Factor data_factor(const NodeView& n, int input, const Tensor& zero) {
  return checked(n, input, zero);
}

Factor weight_factor(const NodeView& n, int input, const Tensor& zero) {
  return simplest(checked(n, input, zero));
}

Tensor zero_or_none(const Tensor& zero) {
  const bool none = zero && !is_small_float(zero.dtype()) && is_constant(zero) &&
                    all_are(cast(zero, DType::f32), 0);
  return none ? Tensor() : zero;
}

Factor simplest(const Factor& w) {
  constexpr double kMiddle = 128;
  const bool middle = w.q.dtype() == DType::u8 && w.zero && w.is_known() &&
                      all_are(cast(w.zero, DType::f32), kMiddle);
  if (!middle) return {w.q, zero_or_none(w.zero)};
  const Array from = evaluate(w.q, current_backend());
  const size_t bytes = from.bytes();
  const auto fill = [bytes](const Buffer::Inputs& blocks) {  // only when they are wanted
    BufferPtr to = Buffer::allocate(bytes);
    const auto* in = blocks[0]->as<uint8_t>();
    std::transform(in, in + bytes, to->as<uint8_t>(),
                   [](uint8_t byte) { return static_cast<uint8_t>(byte ^ 128); });
    return to;
  };
  return {Tensor::from(Array(DType::i8, from.shape, Buffer::deferred(bytes, {from.buffer}, fill))),
          {}};
}

Tensor integer_matmul(const NodeView& n, const Factor& a, const Factor& b) {
  const Shape &left = a.q.shape(), &right = b.q.shape();
  if (left.rank() == 0 || right.rank() == 0) {
    n.fail("got {} and {}, expected matrices", to_string(left), to_string(right));
  }
  const int inner = right.rank() == 1 ? 0 : right.rank() - 2;
  if (left.back() != right[inner]) {
    n.fail("inner sizes differ: {} and {}", to_string(left), to_string(right));
  }
  std::vector<Tensor> parts;
  int64_t begin = 0;
  for (const int64_t end : cuts(b, inner, {inner}, reach_of(a))) {  // one product never exceeds
    parts.push_back(part_of_matmul(a.narrowed(left.rank() - 1, begin, end),
                                   b.narrowed(inner, begin, end), inner));
    begin = end;
  }
  return joined(parts);
}

Tensor integer_conv(const Factor& x, const Factor& w, ConvAttrs attrs) {
  attrs.exact = true;
  std::vector<int64_t> added(static_cast<size_t>(w.q.rank() - 1));
  std::iota(added.begin(), added.end(), 1);
  const std::vector<int64_t> ends = cuts(w, 1, added, reach_of(x));
  const bool parted = attrs.groups == 1 && x.q.shape()[1] == w.q.shape()[1];
  if (ends.empty() || (ends.size() > 1 && !parted)) {
    const Tensor wide = folded(cast(w.floats(), DType::f64));
    return cast(conv(cast(x.floats(), DType::f64), wide, {}, attrs), DType::i32);
  }
  std::vector<Tensor> parts;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    const bool whole = ends.size() == 1;
    parts.push_back(part_of_conv(whole ? x : x.narrowed(1, begin, end),
                                 whole ? w : w.narrowed(1, begin, end), attrs));
    begin = end;
  }
  return joined(parts);
}

}  // namespace suan::onnx
