// From constants, integers and exact products, through sums and products of a few nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/internal/whole_numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "suan/ops/conv.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

namespace suan {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::infinity();
constexpr double kExactSums = 1 << 24;

double of_integers(DType dtype) {
  if (!is_small_integer(dtype) && !(is_integer(dtype) && size_of(dtype) <= 2)) return kUnknown;
  const IntegerRange range = integer_range(dtype);
  return std::max(-range.low, range.high);
}

double of_constant(const Type& type, const BufferPtr& value) {
  constexpr int64_t kMost = 1 << 20;
  if (type.dtype != DType::f32 || type.shape.numel() > kMost) return kUnknown;
  double largest = 0;
  for (int64_t i = 0; i < type.shape.numel(); ++i) {
    const float x = value->as<float>()[i];
    if (x != std::nearbyint(x)) return kUnknown;  // NaN too
    largest = std::max(largest, static_cast<double>(std::abs(x)));
  }
  return largest;
}

bool is_exact_product(const Node& node) {
  if (is(node, Op::conv)) return node.attr<ConvAttrs>().exact && node.inputs.size() < 3;
  return is(node, Op::matmul) && node.attr<MatmulAttrs>().exact;
}

double largest_within(const Tensor& x, int depth) {
  constexpr int kDeepest = 4;
  if (!x || depth == kDeepest) return kUnknown;
  const Node& node = x.node();
  const auto operand = [&](size_t i) { return largest_within(node.inputs[i], depth + 1); };
  if (is_exact_product(node)) return kExactSums;
  if (is(node, Op::constant)) return of_constant(x.type(), node.values[0]);
  if (is(node, Op::full)) {
    const double value = node.attr<FullAttrs>().value;
    return value == std::nearbyint(value) ? std::abs(value) : kUnknown;
  }
  if (is(node, Op::cast)) return of_integers(node.inputs[0].dtype());
  if (is(node, Op::add) || is(node, Op::sub)) return operand(0) + operand(1);
  if (is(node, Op::mul)) return operand(0) * operand(1);
  return kUnknown;
}

}  // namespace

double largest_whole(const Tensor& x) {
  const double largest = x.dtype() == DType::f32 ? largest_within(x, 0) : kUnknown;
  return std::isnan(largest) ? kUnknown : largest;
}

}  // namespace suan
