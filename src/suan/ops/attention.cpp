// Rules of attention. The gradient recomputes the weights from logsumexp, block by block where a
// kernel does so (Dao et al., "FlashAttention", NeurIPS 2022): no [t, s] matrix is kept.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/attention.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/check_range.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef attention_op, attention_gradient_op;

AttentionSizes attention_sizes(const Shape& q, const Shape& k, const Shape& v,
                               const AttentionAttrs& attrs) {
  const int head = attrs.heads_inside ? 2 : 1, row = attrs.heads_inside ? 1 : 2;
  return {q[0], q[head], k[head], q[row], k[row], q[3], v[3]};
}
double attention_scale(const AttentionAttrs& attrs, int64_t d) {
  return attrs.scale != 0 ? attrs.scale : 1.0 / std::sqrt(static_cast<double>(d));
}

namespace {

AttentionSizes sizes_of(const Node& n) {
  return attention_sizes(n.inputs[0].shape(), n.inputs[1].shape(), n.inputs[2].shape(),
                         n.attr<AttentionAttrs>());
}
Shape rows_shape(const AttentionSizes& z, const AttentionAttrs& a, int64_t width) {
  return a.heads_inside ? Shape{z.b, z.t, z.h, width} : Shape{z.b, z.h, z.t, width};
}
Tensor input(const Node& n, int i) {
  return i < static_cast<int>(n.inputs.size()) ? n.inputs[static_cast<size_t>(i)] : Tensor();
}

// Checks q, k, v and the optional operands that start at `mask`.
AttentionSizes check_inputs(const InferContext& c, int mask) {
  for (int i = 0; i < 3; ++i) {
    if (c.shape(i).rank() != 4) {
      fail(c.name(), "q, k and v are {}, {} and {}, expected rank 4", to_string(c.shape(0)),
           to_string(c.shape(1)), to_string(c.shape(2)));
    }
    if (!is_float(c.dtype(i)) || c.dtype(i) != c.dtype(0)) {
      fail(c.name(), "q, k and v are {}, {} and {}, expected one float dtype", name(c.dtype(0)),
           name(c.dtype(1)), name(c.dtype(2)));
    }
  }
  const auto& a = c.attr<AttentionAttrs>();
  const Shape &q = c.shape(0), &k = c.shape(1), &v = c.shape(2);
  const AttentionSizes z = attention_sizes(q, k, v, a);
  Shape value = k;
  value[3] = v[3];
  if (k[0] != z.b || !(value == v) || k[3] != z.d || z.h_kv < 1 || z.h % z.h_kv != 0 || z.d < 1) {
    fail(c.name(), "q {}, k {} and v {} do not fit{}", to_string(q), to_string(k), to_string(v),
         a.heads_inside ? " as [b, t, h, d]" : " as [b, h, t, d]");
  }
  if (c.has(mask)) {
    if (!broadcasts_to(c.shape(mask), z.scores())) {
      fail(c.name(), "mask {} does not broadcast to {}", to_string(c.shape(mask)),
           to_string(z.scores()));
    }
    if (c.dtype(mask) != DType::boolean && c.dtype(mask) != wide(c.dtype(0))) {
      fail(c.name(), "mask is {}, expected bool or a float", name(c.dtype(mask)));
    }
  }
  if (c.has(mask + 1) && !(c.type(mask + 1) == Type(DType::i64, {z.b}))) {
    fail(c.name(), "lengths is {}, expected i64[{}]", to_string(c.type(mask + 1)), z.b);
  }
  return z;
}

// Multiply-adds of the scores that causal masking leaves, for `products` matrix products of
// width 1.
double visible_flops(const Node& n, double products) {
  const AttentionSizes z = sizes_of(n);
  const auto t = static_cast<double>(z.t), s = static_cast<double>(z.s);
  const bool causal = n.attr<AttentionAttrs>().causal && z.t <= z.s;
  const double pairs = causal ? t * (s - (t - 1) / 2) : t * s;
  return products * pairs * static_cast<double>(z.b * z.h);
}

// Operands in the order [b, h, rows, width], heads of one group stacked: [b, h_kv, rows..., width].
class Parts {
 public:
  explicit Parts(const Node& n, int mask)
      : node_(n), a_(n.attr<AttentionAttrs>()), z_(sizes_of(n)), mask_(mask) {}
  const AttentionSizes& sizes() const { return z_; }
  double scale() const { return attention_scale(a_, z_.d); }

  Tensor grouped(const Tensor& x) const {
    const Tensor heads = a_.heads_inside ? transpose(x, {0, 2, 1, 3}) : x;
    return reshape(heads, {z_.b, z_.h_kv, rows(x, z_.h_kv), x.shape()[3]});
  }
  // The inverse, for a result with `heads` heads.
  Tensor ungrouped(const Tensor& x, int64_t heads) const {
    const Tensor y = reshape(x, {z_.b, heads, rows(x, heads), x.shape()[3]});
    return a_.heads_inside ? transpose(y, {0, 2, 1, 3}) : y;
  }
  Tensor scores_grouped(const Tensor& x) const {
    return reshape(x, {z_.b, z_.h_kv, z_.h / z_.h_kv * z_.t, z_.s});
  }

  // scale q k^T + mask as [b, h, t, s], -inf where a query does not see a key.
  Tensor scores() const {
    const Tensor products = matmul(grouped(node_.inputs[0]), grouped(node_.inputs[1]), false, true);
    Tensor x = cast(reshape(products, z_.scores()), wide(products.dtype())) * scale();
    const Tensor mask = input(node_, mask_);
    if (mask && mask.dtype() != DType::boolean) x = x + mask;
    const Tensor seen = visible();
    return seen ? select(seen, x, Tensor(-INFINITY)) : x;
  }
  // Whether a query can be left without a key, so that its largest score is -inf.
  bool may_see_none() const {
    return input(node_, mask_) || input(node_, mask_ + 1) || (a_.causal && z_.t > z_.s);
  }

 private:
  int64_t rows(const Tensor& x, int64_t heads) const {
    return x.shape().numel() / std::max<int64_t>(1, z_.b * heads * x.shape()[3]);
  }
  // Which keys a query sees, in a shape that broadcasts to the scores; undefined: all.
  Tensor visible() const {
    const Tensor mask = input(node_, mask_), lengths = input(node_, mask_ + 1);
    Tensor seen = mask && mask.dtype() == DType::boolean ? mask : Tensor();
    if (!a_.causal && !lengths) return seen;
    // Query i sees key j where its reach j - i + t (j + 1 without `causal`) is at most the length.
    const int64_t rows = a_.causal ? z_.t : 1;
    Array reach(DType::i64, {rows, z_.s});
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < z_.s; ++j) reach.as<int64_t>()[i * z_.s + j] = j - i + rows;
    }
    Tensor limit(static_cast<double>(z_.s));
    if (lengths) {
      limit = reshape(check_range(lengths, {0, z_.s, std::string(node_.op->name), "length"}),
                      {z_.b, 1, 1, 1});
    }
    const Tensor within = less_equal(Tensor::from(reach), limit);
    return seen ? logical_and(seen, within) : within;
  }

  const Node& node_;
  AttentionAttrs a_;
  AttentionSizes z_;
  int mask_;
};

std::vector<Tensor> decompose_attention(const NodePtr& n) {
  const Parts parts(*n, kAttentionMask);
  const AttentionSizes& z = parts.sizes();
  const Tensor scores = parts.scores();
  Tensor top = max(scores, {-1}, true);
  if (parts.may_see_none()) top = select(greater(top, Tensor(-INFINITY)), top, 0.0);
  const Tensor e = exp(scores - top);
  const Tensor total = sum(e, {-1}, true);
  const Tensor divisor = parts.may_see_none() ? select(total > 0.0, total, 1.0) : total;
  const Tensor weights = parts.scores_grouped(cast(e / divisor, n->inputs[0].dtype()));
  const Tensor y = matmul(weights, parts.grouped(n->inputs[2]));
  return {parts.ungrouped(y, z.h), reshape(top + log(total), {z.b, z.h, z.t})};
}

std::vector<Tensor> decompose_gradient(const NodePtr& n) {
  const Parts parts(*n, kAttentionGradientMask);
  const AttentionSizes& z = parts.sizes();
  const auto& in = n->inputs;
  const DType dtype = in[0].dtype();
  const Shape column{z.b, z.h, z.t, 1};
  const Tensor q = parts.grouped(in[0]), k = parts.grouped(in[1]), v = parts.grouped(in[2]);
  const Tensor g = parts.grouped(in[5]);
  const Tensor total = reshape(in[4], column);
  const Tensor p = exp(parts.scores() - select(greater(total, Tensor(-INFINITY)), total, 0.0));
  const Tensor gp = cast(reshape(matmul(g, v, false, true), z.scores()), wide(dtype));
  const Tensor products = cast(in[3], wide(dtype)) * cast(in[5], wide(dtype));
  Tensor delta = reshape(parts.grouped(sum(products, {-1}, true)), column);
  if (in.size() > 6 && in[6]) delta = delta - reshape(in[6], column);
  const Tensor gs = p * (gp - delta);
  const Tensor low = parts.scores_grouped(cast(gs * parts.scale(), dtype));
  const Tensor gv = matmul(parts.scores_grouped(cast(p, dtype)), g, true, false);
  std::vector<Tensor> out{parts.ungrouped(matmul(low, k), z.h),
                          parts.ungrouped(matmul(low, q, true, false), z.h_kv),
                          parts.ungrouped(gv, z.h_kv)};
  const Tensor mask = input(*n, kAttentionGradientMask);
  if (mask && is_float(mask.dtype())) out.push_back(reduce_to(gs, mask.shape()));
  return out;
}

std::vector<Tensor> attention_rule(const GradContext& c) {
  const auto& a = c.attr<AttentionAttrs>();
  const Tensor g = c.grads[0] ? c.grads[0] : c.out(0) * 0.0;
  const Tensor mask = input(*c.node, kAttentionMask);
  const NodePtr n = make_node(attention_gradient_op,
                              {c.in(0), c.in(1), c.in(2), c.out(0), c.out(1), g, c.grads[1], mask,
                               input(*c.node, kAttentionMask + 1)},
                              a);
  std::vector<Tensor> out(c.node->inputs.size());
  const size_t float_mask = mask && is_float(mask.dtype()) ? 1 : 0;
  for (size_t i = 0; i < 3 + float_mask; ++i) out[i] = {n, static_cast<int>(i)};
  return out;
}

}  // namespace

const OpDef attention_op{
    .code = Op::attention,
    .name = "attention",
    .doc =
        "Scaled dot-product attention: y_i = sum_j softmax_j(scale <q_i, k_j> + mask_ij) v_j for "
        "each head; gives y and log sum_j exp(...).",
    .inputs = {"q", "k", "v", "mask?", "lengths?"},
    .attrs = &kAttrsType<AttentionAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const AttentionSizes z = check_inputs(c, kAttentionMask);
      return {Type(c.dtype(0), rows_shape(z, c.attr<AttentionAttrs>(), z.d_v)),
              Type(wide(c.dtype(0)), {z.b, z.h, z.t})};
    },
    .gradient = attention_rule,
    .decompose = decompose_attention,
    .precision = Precision::low,
    .flops =
        [](const Node& n) {
          const AttentionSizes z = sizes_of(n);
          return visible_flops(n, 2.0 * static_cast<double>(z.d + z.d_v));
        },
};
Attention attention_with_logsumexp(const Tensor& q, const Tensor& k, const Tensor& v,
                                   AttentionAttrs attrs, const AttentionOperands& operands) {
  Tensor mask = operands.mask;
  if (mask && is_float(mask.dtype())) mask = cast(mask, wide(q.dtype()));
  const NodePtr n = make_node(attention_op, {q, k, v, mask, operands.lengths}, attrs);
  return {{n, 0}, {n, 1}};
}
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, AttentionAttrs attrs,
                 const AttentionOperands& operands) {
  return attention_with_logsumexp(q, k, v, attrs, operands).y;
}

const OpDef attention_gradient_op{
    .code = Op::attention_gradient,
    .name = "attention_gradient",
    .doc =
        "The gradients of attention in q, k, v (and a float mask) for gradients g of y and "
        "g_logsumexp: with p = exp(scores - logsumexp) and e = p (g v^T - <g, y> + g_logsumexp), "
        "gq = scale e k, gk = scale e^T q, gv = p^T g, gmask = e.",
    .inputs = {"q", "k", "v", "y", "logsumexp", "g", "g_logsumexp?", "mask?", "lengths?"},
    .attrs = &kAttrsType<AttentionAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const AttentionSizes z = check_inputs(c, kAttentionGradientMask);
      const Type y(c.dtype(0), rows_shape(z, c.attr<AttentionAttrs>(), z.d_v));
      const Type rows(wide(c.dtype(0)), {z.b, z.h, z.t});
      for (int i = 3; i < 7; ++i) {
        const Type& expected = i == 3 || i == 5 ? y : rows;
        if (!c.has(i) || c.type(i) == expected) continue;
        fail(c.name(), "{} is {}, expected {}", c.op.inputs.begin()[i], to_string(c.type(i)),
             to_string(expected));
      }
      std::vector<Type> types{c.type(0), c.type(1), c.type(2)};
      if (c.has(kAttentionGradientMask) && is_float(c.dtype(kAttentionGradientMask))) {
        types.push_back(c.type(kAttentionGradientMask));
      }
      return types;
    },
    .decompose = decompose_gradient,
    .precision = Precision::low,
    .flops =
        [](const Node& n) {
          const AttentionSizes z = sizes_of(n);
          return visible_flops(n, 2.0 * static_cast<double>(3 * z.d + 2 * z.d_v));
        },
};

}  // namespace suan
