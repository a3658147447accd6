// RNN, GRU and LSTM, written out step by step. The products with the inputs of all steps are one
// matrix product before them. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/activation.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

using Function = std::function<Tensor(const Tensor&)>;

constexpr int64_t kMostSteps = 1 << 16;  // unrolled

// An activation by name; alpha and beta are where the function has them.
struct Activation {
  std::string_view name;
  double alpha, beta;  // by default; NaN: it has none
  Tensor (*apply)(const Tensor& x, double alpha, double beta);
};
constexpr double kNone = -1e300;
constexpr Activation kActivations[] = {
    {"affine", 1, 0, [](const Tensor& x, double a, double b) { return a * x + b; }},
    {"elu", 1, kNone, [](const Tensor& x, double a, double) { return elu(x, a); }},
    {"hardsigmoid", 0.2, 0.5,
     [](const Tensor& x, double a, double b) { return hard_sigmoid(x, a, b); }},
    {"leakyrelu", 0.01, kNone,
     [](const Tensor& x, double a, double) { return select(less(x, 0.0), a * x, x); }},
    {"relu", kNone, kNone, [](const Tensor& x, double, double) { return relu(x); }},
    {"scaledtanh", 1, 1, [](const Tensor& x, double a, double b) { return a * tanh(b * x); }},
    {"sigmoid", kNone, kNone, [](const Tensor& x, double, double) { return sigmoid(x); }},
    {"softplus", kNone, kNone, [](const Tensor& x, double, double) { return softplus(x); }},
    {"softsign", kNone, kNone, [](const Tensor& x, double, double) { return softsign(x); }},
    {"tanh", kNone, kNone, [](const Tensor& x, double, double) { return tanh(x); }},
    {"thresholdedrelu", 1, kNone,
     [](const Tensor& x, double a, double) { return select(less(x, a), 0.0, x); }},
};

// The functions of all directions, one list after the other. Those with parameters take them from
// the lists of the attributes in turn, while there are any.
std::vector<Function> activations(const NodeView& n, std::vector<std::string> names, size_t count) {
  if (n.has_attr("activations")) names = n.strings("activations");
  if (names.size() < count) n.fail("got {} activations, expected {}", names.size(), count);
  const std::vector<double> alphas = n.floats("activation_alpha"),
                            betas = n.floats("activation_beta");
  const double clip = n.f("clip", 0);
  if (n.has_attr("clip") && !(clip > 0)) n.fail("clip is {}, expected a positive number", clip);
  size_t alpha = 0, beta = 0;
  std::vector<Function> functions;
  for (size_t i = 0; i < count; ++i) {
    std::string lower = names[i];
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    const auto* found = std::find_if(std::begin(kActivations), std::end(kActivations),
                                     [&](const Activation& a) { return a.name == lower; });
    if (found == std::end(kActivations)) n.fail("there is no activation '{}'", names[i]);
    const auto next = [](double otherwise, const std::vector<double>& list, size_t& at) {
      return otherwise != kNone && at < list.size() ? list[at++] : otherwise;
    };
    const double a = next(found->alpha, alphas, alpha), b = next(found->beta, betas, beta);
    functions.emplace_back([found, a, b, clip](const Tensor& x) {
      return found->apply(clip > 0 ? clamp(x, -clip, clip) : x, a, b);
    });
  }
  return functions;
}

struct State {
  Tensor h, c;  // [b, hidden]; c of LSTM only
};

// What one direction of a cell is made of.
struct Cell {
  Tensor r;                     // [gates hidden, hidden]
  Tensor recurrent_bias;        // [gates hidden]: what is not in the inputs' products yet
  Tensor peepholes;             // [3 hidden] of LSTM, or undefined
  std::span<const Function> f;  // its activations
  int64_t hidden;
  bool linear_before_reset, couple;  // of GRU; of LSTM
};
// One step: x [b, gates hidden] holds the products with the step's inputs, and the biases.
using Step = State (*)(const Cell& cell, const Tensor& x, const State& state);

Tensor gate(const Tensor& x, const Cell& cell, int64_t from, int64_t to) {
  return narrow(x, -1, from * cell.hidden, to * cell.hidden);
}

State rnn_step(const Cell& cell, const Tensor& x, const State& s) {
  return {cell.f[0](x + matmul(s.h, cell.r, false, true)), {}};
}

State gru_step(const Cell& cell, const Tensor& x, const State& s) {
  Tensor z, r, h;
  if (cell.linear_before_reset) {
    const Tensor y = matmul(s.h, cell.r, false, true);
    z = cell.f[0](gate(x, cell, 0, 1) + gate(y, cell, 0, 1));
    r = cell.f[0](gate(x, cell, 1, 2) + gate(y, cell, 1, 2));
    Tensor linear = gate(y, cell, 2, 3);
    if (cell.recurrent_bias) linear = linear + gate(cell.recurrent_bias, cell, 2, 3);
    h = cell.f[1](gate(x, cell, 2, 3) + r * linear);
  } else {
    const Tensor r_zr = narrow(cell.r, 0, 0, 2 * cell.hidden);
    const Tensor r_h = narrow(cell.r, 0, 2 * cell.hidden, 3 * cell.hidden);
    const Tensor gates = cell.f[0](gate(x, cell, 0, 2) + matmul(s.h, r_zr, false, true));
    z = gate(gates, cell, 0, 1);
    r = gate(gates, cell, 1, 2);
    h = cell.f[1](gate(x, cell, 2, 3) + matmul(r * s.h, r_h, false, true));
  }
  return {(1.0 - z) * h + z * s.h, {}};
}

// Gates in the order input, output, forget, cell; peepholes input, output, forget.
State lstm_step(const Cell& cell, const Tensor& x, const State& s) {
  const Tensor gates = x + matmul(s.h, cell.r, false, true);
  const auto peep = [&](const Tensor& g, int64_t which, const Tensor& c) {
    return cell.peepholes ? g + gate(cell.peepholes, cell, which, which + 1) * c : g;
  };
  const Tensor i = cell.f[0](peep(gate(gates, cell, 0, 1), 0, s.c));
  const Tensor f = cell.couple ? 1.0 - i : cell.f[0](peep(gate(gates, cell, 2, 3), 2, s.c));
  const Tensor c = f * s.c + i * cell.f[1](gate(gates, cell, 3, 4));
  const Tensor o = cell.f[0](peep(gate(gates, cell, 1, 2), 1, c));
  return {o * cell.f[2](c), c};
}

// The inputs of a recurrent node, time first.
struct Sequence {
  Tensor x, w, r, bias, lengths, h, c, peepholes;
  int64_t steps, batch, inputs, hidden, directions, gates;
};

void check(const NodeView& n, const Tensor& t, std::string_view what, const Shape& expected) {
  if (t && !(t.shape() == expected)) {
    n.fail("{} is {}, expected {}", what, to_string(t.shape()), to_string(expected));
  }
}

Sequence sequence_of(const NodeView& n, int64_t gates) {
  Sequence s{.x = n.in(0),
             .w = n.in(1),
             .r = n.in(2),
             .bias = n.optional(3),
             .lengths = n.optional(4),
             .h = n.optional(5),
             .c = n.optional(6),
             .peepholes = n.optional(7)};
  const bool batch_first = n.i("layout", 0) != 0;
  const auto time_first = [&](const Tensor& t) {
    return t && t.rank() == 3 && batch_first ? transpose(t, {1, 0, 2}) : t;
  };
  for (Tensor* t : {&s.x, &s.h, &s.c}) *t = time_first(*t);
  const std::string direction = n.s("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    n.fail("direction is '{}', expected forward, reverse or bidirectional", direction);
  }
  if (s.x.rank() != 3 || s.r.rank() != 3 || !is_float(s.x.dtype())) {
    n.fail("X is {} and R is {}, expected rank 3", to_string(s.x.type()), to_string(s.r.type()));
  }
  s.steps = s.x.shape()[0];
  s.batch = s.x.shape()[1];
  s.inputs = s.x.shape()[2];
  s.hidden = s.r.shape()[2];
  s.directions = direction == "bidirectional" ? 2 : 1;
  s.gates = gates;
  if (s.steps > kMostSteps) n.fail("has {} steps, expected at most {}", s.steps, kMostSteps);
  if (n.i("hidden_size", s.hidden) != s.hidden) {
    n.fail("hidden_size is {}, but R is {}", n.i("hidden_size"), to_string(s.r.shape()));
  }
  const int64_t d = s.directions, h = s.hidden;
  check(n, s.w, "W", {d, gates * h, s.inputs});
  check(n, s.r, "R", {d, gates * h, h});
  check(n, s.bias, "B", {d, 2 * gates * h});
  check(n, s.lengths, "sequence_lens", {s.batch});
  check(n, s.h, "initial_h", {d, s.batch, h});
  check(n, s.c, "initial_c", {d, s.batch, h});
  check(n, s.peepholes, "P", {d, 3 * h});
  return s;
}

struct Results {
  Tensor y;  // [t, b, hidden]
  State last;
};

// All steps of one direction. Beyond its length a sequence keeps its state and gives zeros, which
// from the back means that it starts where it ends.
Results run_direction(const Sequence& s, const Cell& cell, Step step, int direction, bool backwards,
                      const Tensor& input_bias) {
  Tensor x = matmul(s.x, take(s.w, 0, direction), false, true);
  if (input_bias) x = x + input_bias;
  const auto start = [&](const Tensor& given) {
    return given ? take(given, 0, direction) : zeros({s.batch, s.hidden}, s.x.dtype());
  };
  State state{start(s.h), s.gates == 4 ? start(s.c) : Tensor()};  // only LSTM has cells
  const Tensor zero = full(0, {}, s.x.dtype());
  std::vector<Tensor> outputs(static_cast<size_t>(s.steps));
  for (int64_t i = 0; i < s.steps; ++i) {
    const int64_t t = backwards ? s.steps - 1 - i : i;
    State next = step(cell, take(x, 0, t), state);
    Tensor y = next.h;
    if (s.lengths) {
      const Tensor inside = reshape(greater(s.lengths, static_cast<double>(t)), {s.batch, 1});
      next.h = select(inside, next.h, state.h);
      if (next.c) next.c = select(inside, next.c, state.c);
      y = select(inside, y, zero);
    }
    outputs[static_cast<size_t>(t)] = y;
    state = std::move(next);
  }
  if (outputs.empty()) return {zeros({0, s.batch, s.hidden}, s.x.dtype()), state};
  return {stack(outputs, 0), state};
}

Outputs recurrent(const NodeView& n, int64_t gates, Step step, std::vector<std::string> names) {
  const Sequence s = sequence_of(n, gates);
  const size_t per_direction = names.size();
  if (s.directions == 2) {
    for (size_t i = 0; i < per_direction; ++i) names.push_back(names[i]);
  }
  const std::vector<Function> functions = activations(n, names, names.size());
  const bool linear = n.i("linear_before_reset", 0) != 0,
             reverse = n.s("direction", "") == "reverse";
  std::vector<Tensor> y, h, c;
  for (int d = 0; d < s.directions; ++d) {
    Cell cell{
        .r = take(s.r, 0, d),
        .peepholes = s.peepholes ? take(s.peepholes, 0, d) : Tensor(),
        .f = std::span(functions).subspan(static_cast<size_t>(d) * per_direction, per_direction),
        .hidden = s.hidden,
        .linear_before_reset = linear,
        .couple = n.i("input_forget", 0) != 0};
    Tensor input_bias;
    if (s.bias) {
      const int64_t width = gates * s.hidden;
      const Tensor b = take(s.bias, 0, d);
      input_bias = narrow(b, 0, 0, width);
      cell.recurrent_bias = narrow(b, 0, width, 2 * width);
      if (linear) {  // that of the hidden gate is added before the reset
        const Tensor part = narrow(cell.recurrent_bias, 0, 0, 2 * s.hidden);
        input_bias = input_bias + concat({part, zeros({s.hidden}, part.dtype())}, 0);
      } else {
        input_bias = input_bias + cell.recurrent_bias;
      }
    }
    const Results results = run_direction(s, cell, step, d, reverse || d == 1, input_bias);
    y.push_back(results.y);
    h.push_back(results.last.h);
    c.push_back(results.last.c);
  }
  const bool batch_first = n.i("layout", 0) != 0;
  const auto states = [&](const std::vector<Tensor>& parts) {
    return stack(parts, batch_first ? 1 : 0);
  };
  const Tensor all = stack(y, 1);  // [t, d, b, hidden]
  Outputs outputs{batch_first ? transpose(all, {2, 0, 1, 3}) : all, states(h)};
  if (c[0]) outputs.emplace_back(states(c));
  return outputs;
}

Outputs rnn(const NodeView& n) { return recurrent(n, 1, rnn_step, {"Tanh"}); }
Outputs gru(const NodeView& n) { return recurrent(n, 3, gru_step, {"Sigmoid", "Tanh"}); }
Outputs lstm(const NodeView& n) { return recurrent(n, 4, lstm_step, {"Sigmoid", "Tanh", "Tanh"}); }

constexpr OperatorRule kRules[] = {
    {"GRU", gru},
    {"LSTM", lstm},
    {"RNN", rnn},
};

}  // namespace

std::span<const OperatorRule> recurrent_rules() { return kRules; }

}  // namespace suan::onnx
