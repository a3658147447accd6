// How attention leaves: a product, its mask, Softmax and a product, which engines recognise (so
// does passes/recognise). What that cannot say is decomposed.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/arange.h"
#include "suan/ops/attention.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"

namespace suan::onnx {
namespace {

constexpr size_t kMask = 3, kLengths = 4;

// Whether query i of t sees key j of s: j <= i + s - t.
Tensor causal_mask(int64_t t, int64_t s) {
  const Tensor last = arange(t, DType::i64) + full(static_cast<double>(s - t), {}, DType::i64);
  return arange(s, DType::i64) <= reshape(last, {t, 1});
}

Tensors lower_attention(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<AttentionAttrs>();
  const auto given = [&](size_t i) { return i < n->inputs.size() ? n->inputs[i] : Tensor(); };
  const auto heads_outside = [&](const Tensor& x) {
    return a.heads_inside ? transpose(x, {0, 2, 1, 3}) : x;
  };
  const Tensor q = heads_outside(given(0)), k = heads_outside(given(1)),
               v = heads_outside(given(2));
  const Tensor mask = given(kMask);
  const bool plain = q.dtype() == DType::f32 && q.shape()[1] == k.shape()[1] && !given(kLengths) &&
                     !(a.causal && mask);
  if (!plain) return n->op->decompose(n);
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(q.shape()[3]));
  Tensor scores = matmul(q, k, false, true) * scale;
  Tensor sees = mask && mask.dtype() == DType::boolean ? mask : Tensor();
  if (a.causal) sees = causal_mask(q.shape()[2], k.shape()[2]);
  if (sees) {
    scores = select(sees, scores, -std::numeric_limits<double>::infinity());
  } else if (mask) {
    scores = scores + mask;
  }
  Tensor weights = softmax(scores, -1);
  // Of a query that sees no key.
  if (mask || (a.causal && q.shape()[2] > k.shape()[2])) {
    weights = select(is_nan(weights), 0.0, weights);
  }
  return {heads_outside(matmul(weights, v)), n->op->decompose(n)[1]};
}

constexpr ExportRule kRules[] = {
    {.op = Op::attention, .lower = lower_attention},
};

}  // namespace

std::span<const ExportRule> export_attention_rules() { return kRules; }

}  // namespace suan::onnx
