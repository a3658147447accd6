// Losses of class scores, [n, c, ...] against class numbers [n, ...].
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"

namespace suan::onnx {
namespace {

void check_inputs(const NodeView& n) {
  const Tensor &x = n.in(0), &target = n.in(1), weight = n.optional(2);
  if (!is_float(x.dtype()) || x.rank() < 2) {
    n.fail("got {}, expected floats [n, c, ...]", to_string(x.type()));
  }
  Shape expected = x.shape();
  expected.erase(1);
  if (!(target.shape() == expected) || !is_integer(target.dtype())) {
    n.fail("the target is {}, expected integers {}", to_string(target.type()), to_string(expected));
  }
  if (weight && !(weight.shape() == Shape{x.shape()[1]})) {
    n.fail("the weights are {}, expected [{}]", to_string(weight.shape()), x.shape()[1]);
  }
}

// The mean is over the weights of what counts. Ignored elements may hold any class number.
Tensor reduced_loss(const NodeView& n, const Tensor& log_probability) {
  const Tensor x = cast(log_probability, wide(log_probability.dtype()));
  const Tensor target = cast(n.in(1), DType::i64);
  const bool ignores = n.has_attr("ignore_index");
  const Tensor ignored =
      ignores ? equal(target, full(static_cast<double>(n.i("ignore_index")), {}, DType::i64))
              : Tensor();
  const Tensor label = ignores ? select(ignored, 0.0, target) : target;
  Shape column = target.shape();
  column.insert(1, 1);
  Tensor loss = -reshape(take_along_axis(x, reshape(label, column), 1), target.shape());
  Tensor weight = n.has(2) ? gather(cast(n.in(2), x.dtype()), label) : Tensor();
  if (weight) loss = loss * weight;
  if (ignores) {
    loss = select(ignored, 0.0, loss);
    weight = weight ? select(ignored, 0.0, weight) : cast(logical_not(ignored), x.dtype());
  }
  const std::string reduction = n.s("reduction", "mean");
  if (reduction == "sum") return sum(loss);
  if (reduction == "mean") return weight ? sum(loss) / sum(weight) : mean(loss);
  if (reduction != "none") {
    n.fail("reduction is '{}', expected none, mean or sum", reduction);
  }
  return loss;
}

Outputs negative_log_likelihood(const NodeView& n) {
  check_inputs(n);
  return {cast(reduced_loss(n, n.in(0)), n.in(0).dtype())};
}

Outputs softmax_cross_entropy(const NodeView& n) {
  check_inputs(n);
  const Tensor& x = n.in(0);
  if (x.shape().numel() == 0) n.fail("got {}, expected elements", to_string(x.shape()));
  const Tensor y = log_softmax(x, 1);
  return {cast(reduced_loss(n, y), x.dtype()), y};
}

constexpr OperatorRule kRules[] = {
    {"NegativeLogLikelihoodLoss", negative_log_likelihood},
    {"SoftmaxCrossEntropyLoss", softmax_cross_entropy},
};

}  // namespace

std::span<const OperatorRule> loss_rules() { return kRules; }

}  // namespace suan::onnx
