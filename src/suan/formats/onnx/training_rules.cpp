// Steps of optimizers, and gradients.
// SPDX-License-Identifier: Apache-2.0
#include "suan/autodiff/gradient.h"
#include "suan/formats/onnx/internal/node.h"
#include "suan/graph/graph.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan::onnx {
namespace {

// Inputs R, T, then `kinds` tensors for each parameter, kind by kind; the first kind is the
// parameters themselves, the second their gradients. A step gives new tensors of all but these.
struct Step {
  Step(const NodeView& n, int kinds) : n(n), count((n.count() - 2) / kinds) {
    if (count < 1 || n.count() != 2 + count * kinds) {
      n.fail("got {} inputs, expected 2 and {} for each parameter", n.count(), kinds);
    }
    rate = number(0);
    steps = number(1);
  }
  Tensor in(int kind, int i) const { return n.in(2 + kind * count + i); }
  Tensor regularized(int i) const {
    const Tensor g = in(1, i);
    return g + n.f("norm_coefficient", 0) * in(0, i);
  }
  // As a number of the parameter's dtype.
  static Tensor as(const Tensor& number, const Tensor& x) { return cast(number, x.dtype()); }

  const NodeView& n;
  int count;
  Tensor rate, steps;  // in f64

 private:
  Tensor number(int i) const {
    const Tensor& x = n.in(i);
    if (x.shape().numel() != 1)
      n.fail("input {} is {}, expected a number", i, to_string(x.shape()));
    return reshape(cast(x, DType::f64), {});
  }
};

Outputs adagrad(const NodeView& n) {
  const Step step(n, 3);
  const Tensor rate = step.rate / (1.0 + step.steps * n.f("decay_factor", 0));
  Outputs parameters, squares;
  for (int i = 0; i < step.count; ++i) {
    const Tensor x = step.in(0, i), g = step.regularized(i);
    const Tensor h = step.in(2, i) + g * g;
    parameters.emplace_back(x - Step::as(rate, x) * g / (sqrt(h) + n.f("epsilon", 1e-6)));
    squares.emplace_back(h);
  }
  parameters.insert(parameters.end(), squares.begin(), squares.end());
  return parameters;
}

Outputs adam(const NodeView& n) {
  const Step step(n, 4);
  const double alpha = n.f("alpha", 0.9), beta = n.f("beta", 0.999);
  const auto left = [&](double decay) {  // 1 - decay^T
    return 1.0 - pow(full(decay, {}, DType::f64), step.steps);
  };
  const Tensor rate =
      select(greater(step.steps, 0.0), step.rate * sqrt(left(beta)) / left(alpha), step.rate);
  Outputs parameters, means, squares;
  for (int i = 0; i < step.count; ++i) {
    const Tensor x = step.in(0, i), g = step.regularized(i);
    const Tensor v = alpha * step.in(2, i) + (1 - alpha) * g;
    const Tensor h = beta * step.in(3, i) + (1 - beta) * (g * g);
    const Tensor moved = x - Step::as(rate, x) * v / (sqrt(h) + n.f("epsilon", 1e-6));
    parameters.emplace_back((1 - n.f("norm_coefficient_post", 0)) * moved);
    means.emplace_back(v);
    squares.emplace_back(h);
  }
  parameters.insert(parameters.end(), means.begin(), means.end());
  parameters.insert(parameters.end(), squares.begin(), squares.end());
  return parameters;
}

Outputs momentum(const NodeView& n) {
  const Step step(n, 3);
  const std::string mode = n.s("mode", "");
  if (mode != "standard" && mode != "nesterov") {
    n.fail("mode is '{}', expected standard or nesterov", mode);
  }
  const double alpha = n.f("alpha", 0);
  const Tensor beta = select(greater(step.steps, 0.0), full(n.f("beta", 0), {}, DType::f64), 1.0);
  Outputs parameters, momenta;
  for (int i = 0; i < step.count; ++i) {
    const Tensor x = step.in(0, i), g = step.regularized(i);
    const Tensor v = alpha * step.in(2, i) + Step::as(beta, x) * g;
    const Tensor direction = mode == "nesterov" ? g + alpha * v : v;
    parameters.emplace_back(x - Step::as(step.rate, x) * direction);
    momenta.emplace_back(v);
  }
  parameters.insert(parameters.end(), momenta.begin(), momenta.end());
  return parameters;
}

// d y / d x for each of the names in xs, at the values given. The nodes from xs to y are followed
// once more on stand-ins for xs, so that y is a graph of them even where all values are known.
Outputs gradient(const NodeView& n) {
  const std::vector<std::string> xs = n.strings("xs"), zs = n.strings("zs");
  const size_t count = xs.size() + zs.size();
  if (xs.empty() || n.inputs.size() != count) {
    n.fail("got {} inputs for {} names in xs and zs", n.inputs.size(), count);
  }
  std::map<std::string, Value> given;
  std::vector<Tensor> stand_ins;
  ValueMap values;
  for (size_t i = 0; i < count; ++i) {
    const Tensor& x = n.in(static_cast<int>(i));
    if (i >= xs.size()) {
      given[zs[i - xs.size()]] = x;
      continue;
    }
    if (!is_float(x.dtype())) n.fail("'{}' is {}, expected a float", xs[i], name(x.dtype()));
    stand_ins.push_back(make_input(x.type(), xs[i]));
    given[xs[i]] = stand_ins.back();
    values.set(stand_ins.back(), x);
  }
  const Value y = n.follow_again(given, n.s("y", ""));
  if (!y.tensor || !is_float(y.tensor.dtype()))
    n.fail("'{}' is {}, expected floats", n.s("y", ""), to_string(y));
  Graph graph;
  graph.outputs = gradients(sum(y.tensor), stand_ins);
  graph = with_values(graph, values);
  return {graph.outputs.begin(), graph.outputs.end()};
}

constexpr OperatorRule kRules[] = {
    {"ai.onnx.preview.training.Adagrad", adagrad},
    {"ai.onnx.preview.training.Adam", adam},
    {"ai.onnx.preview.training.Gradient", gradient},
    {"ai.onnx.preview.training.Momentum", momentum},
};

}  // namespace

std::span<const OperatorRule> training_rules() { return kRules; }

}  // namespace suan::onnx
