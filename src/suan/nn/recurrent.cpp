// Recurrent layers: one matrix product for the inputs of all steps, then one small one per step.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/recurrent.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/split.h"

namespace suan::nn {
namespace {

struct Carry {
  Tensor h, c;
};

std::vector<Tensor> gates(const Tensor& x, int64_t count) {
  return split(x, std::vector<int64_t>(static_cast<size_t>(count), x.shape().back() / count), -1);
}

// `in` is W_ih x + b_ih, `recurrent` is W_hh h + b_hh.
Carry advance(LstmCell, const Tensor& in, const Tensor& recurrent, const Carry& before) {
  const auto g = gates(in + recurrent, 4);
  const Tensor c = sigmoid(g[1]) * before.c + sigmoid(g[0]) * tanh(g[2]);
  return {sigmoid(g[3]) * tanh(c), c};
}
Carry advance(GruCell, const Tensor& in, const Tensor& recurrent, const Carry& before) {
  const auto a = gates(in, 3);
  const auto b = gates(recurrent, 3);
  const Tensor z = sigmoid(a[1] + b[1]);
  const Tensor n = tanh(a[2] + sigmoid(a[0] + b[0]) * b[2]);
  return {n + z * (before.h - n), {}};
}

Tensor value(const StatePtr& state) { return state ? state->read() : Tensor(); }

}  // namespace

template <class Cell>
Recurrent<Cell>::Recurrent(int64_t in, int64_t hidden, RecurrentOptions options)
    : in_(in), hidden_(hidden), options_(options) {
  const std::string_view layer = Cell::kHasCell ? "LSTM" : "GRU";
  if (in < 1 || hidden < 1 || options.layers < 1) {
    fail(layer, "got {} inputs, {} hidden, {} layers, expected 1 or more", in, hidden,
         options.layers);
  }
  const int64_t count = options.bidirectional ? 2 : 1;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const auto make = [&](const char* name, const Shape& shape) {
    StatePtr p = parameter(name, shape);
    init::uniform(p, -bound, bound);
    return p;
  };
  for (int64_t i = 0; i < options.layers * count; ++i) {
    const int64_t width = i < count ? in : hidden * count;
    Direction d;
    d.weight_ih = make("weight_ih", {Cell::kGates * hidden, width});
    d.weight_hh = make("weight_hh", {Cell::kGates * hidden, hidden});
    if (options.bias) d.bias_ih = make("bias_ih", {Cell::kGates * hidden});
    if (options.bias) d.bias_hh = make("bias_hh", {Cell::kGates * hidden});
    directions_.push_back(std::move(d));
  }
  for (int64_t i = 1; i < options.layers && options.dropout > 0; ++i) {
    dropouts_.emplace_back(options.dropout);
  }
}

template <class Cell>
Members Recurrent<Cell>::members() {
  Members out;
  const size_t count = options_.bidirectional ? 2 : 1;
  for (size_t i = 0; i < directions_.size(); ++i) {
    const std::string suffix =
        "_l" + std::to_string(i / count) + (i % count == 1 ? "_reverse" : "");
    out.add("weight_ih" + suffix, directions_[i].weight_ih);
    out.add("weight_hh" + suffix, directions_[i].weight_hh);
    out.add("bias_ih" + suffix, directions_[i].bias_ih);
    out.add("bias_hh" + suffix, directions_[i].bias_hh);
  }
  out.add("dropouts", dropouts_);
  return out;
}

template <class Cell>
typename Recurrent<Cell>::Run Recurrent<Cell>::run(const Tensor& sequence, const Direction& d,
                                                   bool reverse, const Tensor& lengths) const {
  const int64_t steps = sequence.size(0);
  const int64_t rows = sequence.size(1);
  const auto projected = split(linear(sequence, d.weight_ih->read(), value(d.bias_ih)),
                               std::vector<int64_t>(static_cast<size_t>(steps), 1), 0);
  const Tensor weight = d.weight_hh->read();
  const Tensor bias = value(d.bias_hh);
  const Tensor zero = zeros({rows, hidden_}, sequence.dtype());
  Carry carry{zero, Cell::kHasCell ? zero : Tensor()};
  std::vector<Tensor> outputs(static_cast<size_t>(steps));
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = reverse ? steps - 1 - i : i;
    const auto at = static_cast<size_t>(t);
    const Tensor in = reshape(projected[at], {rows, Cell::kGates * hidden_});
    Carry next = advance(Cell{}, in, linear(carry.h, weight, bias), carry);
    outputs[at] = next.h;
    if (lengths) {
      const Tensor valid = reshape(lengths > static_cast<double>(t), {rows, 1});
      outputs[at] = select(valid, next.h, 0.0);
      next.h = select(valid, next.h, carry.h);
      if (next.c) next.c = select(valid, next.c, carry.c);
    }
    carry = next;
  }
  return {stack(outputs), carry.h, carry.c};
}

template <class Cell>
RecurrentResult Recurrent<Cell>::operator()(const Tensor& x, const Tensor& lengths) const {
  const std::string_view layer = Cell::kHasCell ? "LSTM" : "GRU";
  if (x.rank() != 3 || x.shape()[2] != in_ || x.shape()[1] < 1) {
    fail(layer, "got shape {}, expected [rows, time, {}]", to_string(x.shape()), in_);
  }
  if (lengths && !(lengths.type() == Type(DType::i64, {x.shape()[0]}))) {
    fail(layer, "lengths are {}, expected i64[{}]", to_string(lengths.type()), x.shape()[0]);
  }
  Tensor sequence = transpose(x, {1, 0, 2});
  std::vector<Tensor> h;
  std::vector<Tensor> c;
  const size_t count = options_.bidirectional ? 2 : 1;
  for (size_t i = 0; i < directions_.size(); i += count) {
    if (i > 0 && !dropouts_.empty()) sequence = dropouts_[i / count - 1](sequence);
    std::vector<Tensor> outputs;
    for (size_t k = 0; k < count; ++k) {
      const Run result = run(sequence, directions_[i + k], k == 1, lengths);
      outputs.push_back(result.output);
      h.push_back(result.h);
      if (result.c) c.push_back(result.c);
    }
    sequence = count == 1 ? outputs[0] : concat(outputs, 2);
  }
  return {transpose(sequence, {1, 0, 2}), stack(h), c.empty() ? Tensor() : stack(c)};
}

template class Recurrent<LstmCell>;
template class Recurrent<GruCell>;

}  // namespace suan::nn
