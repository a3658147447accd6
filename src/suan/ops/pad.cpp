// Rules of pad. Reflection and edges are gathers by known positions, one per axis, so only padding
// with a number is an op.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/pad.h"

#include <algorithm>
#include <cstdlib>

#include "suan/base/error.h"
#include "suan/ops/gather.h"
#include "suan/ops/op.h"
#include "suan/ops/slice.h"

namespace suan {

extern const OpDef pad_op;

namespace {

void check(std::string_view op, const Shape& x, const std::vector<int64_t>& begin,
           const std::vector<int64_t>& end) {
  const auto rank = static_cast<size_t>(x.rank());
  if (begin.size() != rank || end.size() != rank) {
    fail(op, "got {} and {} entries, expected {} of each", begin.size(), end.size(), rank);
  }
  constexpr int64_t kMost = int64_t{1} << 40;
  for (size_t i = 0; i < rank; ++i) {
    if (begin[i] < 0 || end[i] < 0 || begin[i] > kMost || end[i] > kMost) {
      fail(op, "got {} and {} for axis {}, expected at least 0", begin[i], end[i], i);
    }
  }
}

}  // namespace

const OpDef pad_op{
    .code = Op::pad,
    .name = "pad",
    .doc = "x with a number around it: y[begin + i] = x[i], value elsewhere.",
    .inputs = {"x"},
    .attrs = &kAttrsType<PadAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<PadAttrs>();
      check(c.name(), c.shape(0), a.begin, a.end);
      Shape out = c.shape(0);
      for (int i = 0; i < out.rank(); ++i) {
        out[i] += a.begin[static_cast<size_t>(i)] + a.end[static_cast<size_t>(i)];
      }
      return {Type(c.dtype(0), out)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& a = c.attr<PadAttrs>();
      std::vector<int64_t> ends;
      for (size_t i = 0; i < a.begin.size(); ++i) {
        ends.push_back(a.begin[i] + c.in(0).shape()[static_cast<int>(i)]);
      }
      return {slice(c.grad(), a.begin, ends)};
    },
    .flops = [](const Node&) { return 0.0; },
};
Tensor pad(const Tensor& x, std::vector<int64_t> begin, std::vector<int64_t> end, double value) {
  return make(pad_op, {x}, PadAttrs{std::move(begin), std::move(end), value});
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& begin, const std::vector<int64_t>& end,
           PadMode mode) {
  if (mode == PadMode::constant) return pad(x, begin, end, 0.0);
  check("pad", x.shape(), begin, end);
  Tensor y = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t n = x.shape()[axis];
    const int64_t before = begin[static_cast<size_t>(axis)], after = end[static_cast<size_t>(axis)];
    if (before == 0 && after == 0) continue;
    const int64_t most = mode == PadMode::edge ? (n > 0 ? INT64_MAX : 0) : n - 1;
    if (std::max(before, after) > most) {
      fail("pad", "axis {} of {} is too short to be padded by {} and {} elements of its own", axis,
           to_string(x.shape()), before, after);
    }
    Array positions(DType::i64, {before + n + after});
    for (int64_t i = -before; i < n + after; ++i) {
      const int64_t mirrored = i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
      positions.as<int64_t>()[i + before] =
          mode == PadMode::edge ? std::clamp<int64_t>(i, 0, n - 1) : mirrored;
    }
    y = gather(y, Tensor::from(positions), axis);
  }
  return y;
}

}  // namespace suan
