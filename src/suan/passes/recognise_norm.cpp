// Layer norm and RMS norm as exporters write them before ONNX had an operator for them (opset 17).
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/layer_norm.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/passes/internal/recognise.h"

namespace suan {
namespace {

// t = the mean of a tensor over its last axes, which stay with size 1; `axes` says how many.
Tensor mean_of(const Tensor& t, int64_t& axes) {
  double scale = 1;
  const Tensor sum = strip_scale(t, scale);
  if (!is(sum.node(), Op::sum)) return {};
  const auto& a = sum.node().attr<ReduceAttrs>();
  const Tensor& x = sum.node().inputs[0];
  axes = static_cast<int64_t>(a.axes.size());
  if (!a.keep || axes == 0) return {};
  double count = 1;
  for (int64_t i = 0; i < axes; ++i) {
    if (a.axes[static_cast<size_t>(i)] != x.rank() - axes + i) return {};
    count *= static_cast<double>(x.shape()[static_cast<int>(x.rank() - axes + i)]);
  }
  return near(scale * count, 1, x.dtype()) ? x : Tensor();
}

// The tensor that t is the square of.
Tensor root_of(const Tensor& t) {
  const auto& inputs = t.node().inputs;
  if (is(t.node(), Op::square)) return inputs[0];
  if (is(t.node(), Op::pow) && number(inputs[1]) == 2.0) return inputs[0];
  return is(t.node(), Op::mul) && inputs[0].same_as(inputs[1]) ? inputs[0] : Tensor();
}

// d / sqrt(mean(d^2) + epsilon), given d and what stands under the root.
Tensor normalised(const Tensor& d, const Tensor& under) {
  if (!is(under.node(), Op::add)) return {};
  const auto& sum = under.node().inputs;
  for (size_t i = 0; i < 2; ++i) {
    const auto epsilon = number(sum[i]);
    if (!epsilon || *epsilon <= 0) continue;
    LayerNormAttrs attrs{.epsilon = *epsilon};
    const Tensor square = mean_of(sum[1 - i], attrs.axes);
    if (!square || !root_of(square) || !root_of(square).same_as(d)) continue;
    if (is(d.node(), Op::sub)) {
      int64_t axes = 0;
      const Tensor x = mean_of(d.node().inputs[1], axes);
      if (x && axes == attrs.axes && x.same_as(d.node().inputs[0])) {
        return layer_norm(x, {}, {}, attrs);
      }
    }
    return rms_norm(d, {}, attrs);
  }
  return {};
}

bool has_input(const Tensor& t, size_t i) {
  return t.node().inputs.size() > i && t.node().inputs[i];
}
// Whether `t` has the shape of the axes that are normalised.
bool spans_axes(const Tensor& t, const Tensor& norm) {
  const auto axes = static_cast<int>(norm.node().attr<LayerNormAttrs>().axes);
  if (t.rank() != axes || t.dtype() != norm.dtype()) return false;
  for (int i = 0; i < axes; ++i) {
    if (t.shape()[i] != norm.shape()[norm.rank() - axes + i]) return false;
  }
  return true;
}

}  // namespace

Tensor find_norm(const NodePtr& node) {
  const auto& inputs = node->inputs;
  if (is(*node, Op::div)) {
    const Node& root = inputs[1].node();
    return is(root, Op::sqrt) ? normalised(inputs[0], root.inputs[0]) : Tensor();
  }
  if (!is(*node, Op::mul)) return {};
  for (size_t i = 0; i < 2; ++i) {
    const Node& inverse = inputs[i].node();
    Tensor under;
    if (is(inverse, Op::rsqrt)) {
      under = inverse.inputs[0];
    } else if (is(inverse, Op::reciprocal) ||
               (is(inverse, Op::div) && number(inverse.inputs[0]) == 1.0)) {
      const Node& root = inverse.inputs.back().node();
      if (is(root, Op::sqrt)) under = root.inputs[0];
    }
    const Tensor t = under ? normalised(inputs[1 - i], under) : Tensor();
    if (t) return t;
  }
  return {};
}

Tensor find_norm_affine(const NodePtr& node) {
  const bool product = is(*node, Op::mul);
  if (!product && !is(*node, Op::add)) return {};
  for (size_t i = 0; i < 2; ++i) {
    const Tensor &norm = node->inputs[i], &factor = node->inputs[1 - i];
    if (!is_norm(norm.node()) || norm.output() != 0 || !spans_axes(factor, norm)) continue;
    const auto& attrs = norm.node().attr<LayerNormAttrs>();
    const Tensor& x = norm.node().inputs[0];
    if (is(norm.node(), Op::rms_norm)) {
      if (product && !has_input(norm, 1)) return rms_norm(x, factor, attrs);
    } else if (product && !has_input(norm, 1) && !has_input(norm, 2)) {
      return layer_norm(x, factor, {}, attrs);
    } else if (!product && !has_input(norm, 2)) {
      return layer_norm(x, has_input(norm, 1) ? norm.node().inputs[1] : Tensor(), factor, attrs);
    }
  }
  return {};
}

}  // namespace suan
