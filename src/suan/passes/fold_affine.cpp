// Folding per-channel factors and terms into constant weights. Each rule looks at one elementwise
// node whose operand is a convolution or product that nobody else reads.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/users.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

using Inputs = std::vector<Tensor>;

// The constant as a vector with one element for each index of `axis` of `shape`, or one for all;
// undefined where it varies along another axis.
Tensor along_axis(const Tensor& t, const Shape& shape, int axis) {
  if (!is(t.node(), Op::constant) && !is(t.node(), Op::full)) return {};
  if (!is_float(t.dtype()) || t.rank() > shape.rank()) return {};
  const int lead = shape.rank() - t.rank();
  for (int i = 0; i < t.rank(); ++i) {
    if (t.shape()[i] != 1 && i + lead != axis) return {};
  }
  return reshape(t, {t.shape().numel()});
}

// Whether folding will make this a constant: it is one, or made of such.
bool becomes_constant(const Tensor& t, int depth = 0) {
  constexpr int kDeepest = 8;
  if (is(t.node(), Op::constant) || is(t.node(), Op::full)) return true;
  if (t.node().inputs.empty() || depth == kDeepest) return false;
  for (const Tensor& input : t.node().inputs) {
    if (!input || !becomes_constant(input, depth + 1)) return false;
  }
  return !t.node().op->random;
}

// Sums of whole numbers are to stay such.
bool is_exact(const Node& node) {
  return is(node, Op::conv) ? node.attr<ConvAttrs>().exact : node.attr<MatmulAttrs>().exact;
}

// The node before, if it is such an op with constant weights.
struct Site {
  const Node* node = nullptr;
  int axis = 0;  // of the channels in its result
  bool is_conv = false;
};
Site site_of(const Tensor& t) {
  Site site{&t.node()};
  if (is(t.node(), Op::conv)) {
    site.axis = 1;
    site.is_conv = true;
  } else if (is(t.node(), Op::matmul) && t.node().inputs[1].rank() == 2) {
    site.axis = t.rank() - 1;
  } else {
    return {};
  }
  if (is_exact(t.node())) return {};
  return becomes_constant(t.node().inputs[1]) ? site : Site();
}

// Quantized weights keep their integers: their scales take the factor. What has a shape of its own,
// as zero points and blocks, takes one that leaves it as it is.
Tensor times(const Tensor& w, const Tensor& factor) {
  const Node& node = w.node();
  if (!is(node, Op::dequantize)) return w * factor;
  const bool has_zeros = node.inputs.size() > 2 && node.inputs[2];
  const bool keeps = broadcasts_to(factor.shape(), node.inputs[1].shape());
  if (!keeps && (has_zeros || node.attr<DequantizeAttrs>().block > 0)) return w * factor;
  Inputs inputs = node.inputs;
  inputs[1] = inputs[1] * factor;
  return {with_inputs(node, std::move(inputs)), 0};
}

Tensor weights_times(const Site& site, const Tensor& factor) {
  const Tensor& w = site.node->inputs[1];
  if (site.is_conv) {
    Shape column = Shape::filled(w.rank(), 1);
    column[0] = factor.shape().numel();
    return times(w, reshape(factor, column));
  }
  const bool transposed = site.node->attr<MatmulAttrs>().transpose_b;
  return times(w, transposed ? reshape(factor, {factor.shape().numel(), 1}) : factor);
}

Tensor bias_of(const Site& site) {
  return site.is_conv && site.node->inputs.size() > 2 ? site.node->inputs[2] : Tensor();
}

// y = site * factor
Tensor scaled(const Site& site, const Tensor& factor) {
  Inputs inputs = site.node->inputs;
  inputs[1] = weights_times(site, factor);
  if (const Tensor bias = bias_of(site)) inputs[2] = bias * factor;
  return {with_inputs(*site.node, std::move(inputs)), 0};
}
// y = site + term: only a convolution has a bias.
Tensor shifted(const Site& site, const Tensor& term, const Target& target) {
  if (!site.is_conv) return {};
  const Tensor bias = bias_of(site);
  const Tensor spread = broadcast_to(term, {site.node->types[0].shape[1]});
  const Tensor whole = make_constant(spread.type(), target.evaluate(spread));
  Inputs inputs = site.node->inputs;
  inputs.resize(3);
  inputs[2] = bias ? bias + whole : whole;
  return {with_inputs(*site.node, std::move(inputs)), 0};
}

Tensor folded(const Node& node, const Inputs& inputs, const Target& target) {
  const bool product = is(node, Op::mul), sum = is(node, Op::add);
  const bool quotient = is(node, Op::div), difference = is(node, Op::sub);
  if (!product && !sum && !quotient && !difference) return {};
  for (int i = 0; i < (product || sum ? 2 : 1); ++i) {
    const Tensor &value = inputs[static_cast<size_t>(i)],
                 &other = inputs[static_cast<size_t>(1 - i)];
    if (!(value.type() == node.types[0])) continue;
    const Site site = site_of(value);
    if (!site.node) continue;
    const Tensor vector = along_axis(other, value.shape(), site.axis);
    if (!vector) continue;
    if (product) return scaled(site, vector);
    if (quotient) return scaled(site, reciprocal(vector));
    return shifted(site, difference ? -vector : vector, target);
  }
  return {};
}

}  // namespace

Graph fold_affine(const Graph& graph, const Target& target) {
  if (!target.evaluate) return graph;
  const Users users(graph);
  return rewrite(graph, [&](const NodePtr& node, const Inputs& inputs) -> Inputs {
    for (size_t i = 0; i < inputs.size(); ++i) {  // as they were read before this pass
      if (!inputs[i] || !site_of(inputs[i]).node) continue;
      if (!users.only(node->inputs[i].node())) return {};
    }
    const bool binary = inputs.size() == 2 && inputs[0] && inputs[1];
    const Tensor result = binary ? folded(*node, inputs, target) : Tensor();
    return result ? Inputs{result} : Inputs{};
  });
}

}  // namespace suan
