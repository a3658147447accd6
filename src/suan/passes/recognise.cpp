// Recognising what exporters write out in small pieces: gelu, silu, norms (recognise_norm.cpp) and
// attention become the ops they are, which have kernels of their own.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/internal/recognise.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "suan/ops/attention.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"
#include "suan/passes/internal/view_chain.h"
#include "suan/passes/pass.h"

namespace suan {

std::optional<double> number(const Tensor& t) {
  if (!is(t.node(), Op::full) || t.shape().numel() != 1) return std::nullopt;
  return t.node().attr<FullAttrs>().value;
}
bool near(double a, double b, DType dtype) {
  const double slack = dtype == DType::bf16 ? 0x1p-8 : dtype == DType::f16 ? 0x1p-11 : 1e-5;
  return std::abs(a - b) <= slack * std::abs(b);
}

// t = scale * inner, with all known factors in `scale`.
Tensor strip_scale(const Tensor& t, double& scale) {
  Tensor inner = t;
  while (is(inner.node(), Op::mul) || is(inner.node(), Op::div)) {
    const Tensor &a = inner.node().inputs[0], &b = inner.node().inputs[1];
    const bool product = is(inner.node(), Op::mul);
    const auto left = product ? number(a) : std::nullopt, right = number(b);
    if (!left && !right) break;
    const Tensor& rest = right ? a : b;
    if (!(rest.shape() == t.shape())) break;  // the number also adds axes
    scale *= right ? (product ? *right : 1 / *right) : *left;
    inner = rest;
  }
  return inner;
}

namespace {

using Inputs = std::vector<Tensor>;

// t = 1 + inner
Tensor strip_one(const Tensor& t) {
  if (!is(t.node(), Op::add)) return {};
  for (size_t i = 0; i < 2; ++i) {
    const auto one = number(t.node().inputs[i]);
    if (one && *one == 1) return t.node().inputs[1 - i];
  }
  return {};
}

bool is_cube(const Tensor& t, const Tensor& x) {
  if (is(t.node(), Op::pow)) {
    return t.node().inputs[0].same_as(x) && number(t.node().inputs[1]) == 3.0;
  }
  if (!is(t.node(), Op::mul)) return false;
  for (size_t i = 0; i < 2; ++i) {
    const Tensor &a = t.node().inputs[i], &b = t.node().inputs[1 - i];
    if (!a.same_as(x)) continue;
    if (is(b.node(), Op::square)) return b.node().inputs[0].same_as(x);
    if (is(b.node(), Op::mul)) {
      return b.node().inputs[0].same_as(x) && b.node().inputs[1].same_as(x);
    }
  }
  return false;
}

// sqrt(2 / pi) (x + 0.044715 x^3)
bool is_tanh_argument(const Tensor& t, const Tensor& x) {
  double outer = 1;
  const Tensor sum = strip_scale(t, outer);
  if (!near(outer, 0.7978845608, x.dtype()) || !is(sum.node(), Op::add)) return false;
  for (size_t i = 0; i < 2; ++i) {
    double factor = 1;
    const Tensor cube = strip_scale(sum.node().inputs[i], factor);
    if (!sum.node().inputs[1 - i].same_as(x) || !is_cube(cube, x)) continue;
    if (near(factor, 0.044715, x.dtype())) return true;
  }
  return false;
}

// x / 2 (1 + erf(x / sqrt(2))), or with tanh, in any order of the factors.
Tensor find_gelu(const NodePtr& node) {
  if (!is(*node, Op::mul)) return {};
  double scale = 1;
  const Tensor product = strip_scale({node, 0}, scale);
  if (!is(product.node(), Op::mul)) return {};
  for (size_t i = 0; i < 2; ++i) {
    double factor = scale, side = 1;
    const Tensor x = strip_scale(product.node().inputs[i], factor);
    const Tensor bracket = strip_scale(product.node().inputs[1 - i], side);
    const Tensor inner = strip_one(bracket);
    if (!inner || !near(factor * side, 0.5, x.dtype())) continue;
    if (is(inner.node(), Op::erf)) {
      double slope = 1;
      const Tensor argument = strip_scale(inner.node().inputs[0], slope);
      if (argument.same_as(x) && near(slope, 0.70710678, x.dtype())) return gelu(x);
    } else if (is(inner.node(), Op::tanh) && is_tanh_argument(inner.node().inputs[0], x)) {
      return gelu_tanh(x);
    }
  }
  return {};
}

Tensor find_silu(const NodePtr& given) {
  const Node& node = *given;
  if (!is(node, Op::mul)) return {};
  for (size_t i = 0; i < 2; ++i) {
    const Tensor &x = node.inputs[i], &gate = node.inputs[1 - i];
    if (is(gate.node(), Op::sigmoid) && gate.node().inputs[0].same_as(x)) return silu(x);
  }
  return {};
}

// t with its last two axes swapped, without a second transpose where it is one already.
Tensor swapped(const Tensor& t) {
  const int rank = t.rank();
  std::vector<int64_t> axes(static_cast<size_t>(rank));
  Tensor source = t;
  if (is(t.node(), Op::transpose)) {
    axes = t.node().attr<TransposeAttrs>().axes;
    source = t.node().inputs[0];
  } else {
    for (int i = 0; i < rank; ++i) axes[static_cast<size_t>(i)] = i;
  }
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return std::is_sorted(axes.begin(), axes.end()) ? source : transpose(source, axes);
}

struct Scores {
  Tensor q, k, mask;
  double scale = 1;
};

// scale q k^T [+ mask], or a selection by a mask of bools.
bool read_scores(const Tensor& t, Scores& s) {
  Tensor inner = strip_scale(t, s.scale);
  if (is(inner.node(), Op::add) || is(inner.node(), Op::select)) {
    if (s.mask || s.scale != 1) return false;
    const bool added = is(inner.node(), Op::add);
    const Inputs& in = inner.node().inputs;
    const size_t first = added ? 0 : 1;
    for (size_t i = first; i < first + 2; ++i) {
      const Tensor &scores = in[i], &other = in[2 * first + 1 - i];
      Scores part = s;
      if (added) {
        part.mask = other;
      } else {
        const auto low = number(other);
        if (!low || *low > -1e4) continue;
        part.mask = i == 1 ? in[0] : logical_not(in[0]);
      }
      if (read_scores(scores, part)) {
        s = part;
        return true;
      }
    }
    return false;
  }
  if (!is(inner.node(), Op::matmul)) return false;
  const auto& attrs = inner.node().attr<MatmulAttrs>();
  const Inputs& in = inner.node().inputs;
  if (attrs.transpose_a || in[0].rank() != in[1].rank()) return false;
  s.q = strip_scale(in[0], s.scale);
  const Tensor right = strip_scale(in[1], s.scale);
  s.k = attrs.transpose_b ? right : swapped(right);
  return s.q.rank() == 3 || s.q.rank() == 4;
}

// [b h, t, d] as [b h, 1, t, d]
Tensor with_heads(const Tensor& t) {
  if (t.rank() != 3) return t;
  Shape shape = t.shape();
  shape.insert(1, 1);
  return reshape(t, shape);
}

// Weights of a query that sees no key, which are not numbers, are 0 with attention anyway:
// select(is_nan(w), 0, w) is w.
const Node* without_nan_guard(const Node& node) {
  if (!is(node, Op::select)) return &node;
  const Node &test = node.inputs[0].node(), &inner = node.inputs[2].node();
  const bool zero =
      is(node.inputs[1].node(), Op::full) && node.inputs[1].node().attr<FullAttrs>().value == 0;
  const bool guards = zero && is(test, Op::is_nan) && test.inputs[0].same_as(node.inputs[2]);
  return guards ? &inner : &node;
}

const std::vector<int64_t> kHeadsOutside{0, 2, 1, 3};

// The result of attention as [b, t, h, d] where the heads of all operands lie inside their rows,
// where attention can read them as they are; else undefined.
Tensor heads_inside(const Node& node) {
  AttentionAttrs attrs = node.attr<AttentionAttrs>();
  if (attrs.heads_inside) return {};
  Inputs inputs = node.inputs;
  for (size_t i = 0; i < 3; ++i) {
    const auto view = view_of(transpose(inputs[i], kHeadsOutside));
    if (!view || view->moves()) return {};
    inputs[i] = view->tensor();
  }
  attrs.heads_inside = true;
  return {make_node(*node.op, std::move(inputs), attrs), 0};
}

Tensor find_attention(const NodePtr& given) {
  const Node& node = *given;
  if (!is(node, Op::matmul)) return {};
  const Node& weights = *without_nan_guard(node.inputs[0].node());
  if (!is(weights, Op::softmax)) return {};
  const auto& attrs = node.attr<MatmulAttrs>();
  const int rank = node.types[0].shape.rank();
  const int64_t axis = weights.attr<AxisAttrs>().axis;
  if (attrs.transpose_a || attrs.transpose_b || (axis != -1 && axis != rank - 1)) return {};
  Scores s;
  if (!read_scores(weights.inputs[0], s) || node.inputs[1].rank() != s.q.rank()) return {};
  const Tensor& v = node.inputs[1];
  for (int i = 0; i < rank - 2; ++i) {  // the same batch and heads everywhere
    if (s.q.shape()[i] != s.k.shape()[i] || s.q.shape()[i] != v.shape()[i]) return {};
  }
  if (s.q.dtype() != DType::f32 && s.q.dtype() != DType::bf16) return {};
  const bool wide_mask =
      s.mask && (s.mask.dtype() == DType::boolean || s.mask.dtype() == DType::f32);
  if (s.mask && !wide_mask) return {};
  Tensor mask = s.mask;
  if (mask && rank == 3 && mask.rank() == 3) mask = with_heads(mask);
  const Shape scores{s.q.shape()[0], rank == 4 ? s.q.shape()[1] : 1, s.q.shape().at(-2),
                     s.k.shape().at(-2)};
  if (mask && !broadcasts_to(mask.shape(), scores)) return {};
  const Tensor y = attention(with_heads(s.q), with_heads(s.k), with_heads(v), {.scale = s.scale},
                             {.mask = mask});
  const Tensor inside = heads_inside(y.node());
  return reshape(inside ? transpose(inside, kHeadsOutside) : y, node.types[0].shape);
}

// A transpose that moves the heads of attention meets those of its operands.
Tensor find_heads_inside(const NodePtr& given) {
  const Node& node = *given;
  if (!is(node, Op::transpose) || node.attr<TransposeAttrs>().axes != kHeadsOutside) return {};
  const Tensor& y = node.inputs[0];
  if (!is(y.node(), Op::attention) || y.output() != 0) return {};
  return heads_inside(y.node());
}

Tensor find_short_view(const NodePtr& given) {
  const bool view = is(*given, Op::reshape) || is(*given, Op::transpose);
  return view ? shortened({given, 0}) : Tensor();
}

}  // namespace

Graph recognise(const Graph& graph, const Target&) {
  return rewrite(graph, [](const NodePtr& node, const Inputs& inputs) -> Inputs {
    constexpr Tensor (*kRules[])(const NodePtr&) = {
        find_norm,      find_norm_affine,  find_gelu,      find_silu,
        find_attention, find_heads_inside, find_short_view};
    if (!node->op->infer || node->types.size() != 1) return {};
    bool changed = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      changed = changed || (inputs[i] && !inputs[i].same_as(node->inputs[i]));
    }
    const NodePtr current = changed ? with_inputs(*node, inputs) : node;
    for (auto* rule : kRules) {
      const Tensor t = rule(current);
      if (t && t.type() == node->types[0]) return {t};
    }
    return changed ? Inputs{Tensor(current, 0)} : Inputs{};
  });
}

}  // namespace suan
