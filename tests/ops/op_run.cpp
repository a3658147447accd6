// Values come from a fixed seed, so that a failure repeats.
// SPDX-License-Identifier: Apache-2.0
#include "tests/ops/op_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/autodiff/gradient.h"
#include "suan/base/random.h"
#include "suan/graph/pending.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"

namespace suan {
namespace {

double draw(const In& in, Random& random) {
  const double u = random.uniform();
  const double value = in.low + (in.high - in.low) * u;
  if (in.kind == In::Kind::whole) return std::floor(value);
  const bool near_zero = std::abs(value) < 0.05 && in.low < 0;
  return near_zero ? std::copysign(0.05 + std::abs(value), value) : value;
}

std::vector<double> values_of(const In& in, Random& random) {
  if (in.kind == In::Kind::given) return in.values;
  std::vector<double> values(static_cast<size_t>(in.shape.numel()));
  if (in.kind == In::Kind::distinct) {
    const size_t half = values.size() / 2;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = (static_cast<double>(i) - static_cast<double>(half)) * 0.25 + 0.125;
    }
    random.shuffle(std::span(values));
  } else {
    for (double& v : values) v = draw(in, random);
  }
  return values;
}

DType dtype_of(const In& in, DType dtype) { return in.dtype.value_or(dtype); }

// sum_i sum(values_i * w_i) with new graph inputs w_i.
Tensor weighted_sum(const Tensors& values, const char* label, Tensors& graph_inputs) {
  Tensor total;
  for (const Tensor& t : values) {
    if (!is_float(t.dtype())) continue;
    const Tensor w = make_input(t.type(), label);
    graph_inputs.push_back(w);
    const Tensor part = cast(sum(t * w), DType::f64);
    total = total ? total + part : part;
  }
  return total;
}

}  // namespace

bool has_gradient(const OpCase& c) {
  const auto takes = [](const In& in) { return is_float(in.dtype.value_or(DType::f64)); };
  return c.checks.gradient && std::any_of(c.inputs.begin(), c.inputs.end(), takes);
}

double tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 1e-12;
    case DType::f32:
      return 1e-5;
    case DType::f16:
      return 4e-3;
    case DType::bf16:
      return 2e-2;
    default:
      return 0;
  }
}

void expect_close(const std::vector<double>& got, const std::vector<double>& want, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double scale = 0;
  for (double v : want) scale = std::isfinite(v) ? std::max(scale, std::abs(v)) : scale;
  for (size_t i = 0; i < got.size(); ++i) {
    const bool same = got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]));
    if (same || std::abs(got[i] - want[i]) <= tolerance * std::max(scale, 1e-3)) continue;
    ADD_FAILURE() << what << ": element " << i << " is " << got[i] << ", expected " << want[i];
    return;
  }
}

std::vector<double> numbers(const Array& array) {
  std::vector<double> out(static_cast<size_t>(array.numel()));
  visit(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(array.as<T>()[i]);
  });
  return out;
}

Array array_of(const std::vector<double>& values, DType dtype, const Shape& shape) {
  Array array(dtype, shape);
  if (values.size() != static_cast<size_t>(shape.numel())) {
    fail("case", "got {} values for shape {}", values.size(), to_string(shape));
  }
  visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<T, bool>) {
        array.as<T>()[i] = values[i] != 0;
      } else if constexpr (std::is_integral_v<T>) {
        array.as<T>()[i] = static_cast<T>(static_cast<int64_t>(values[i]));
      } else {
        array.as<T>()[i] = static_cast<T>(values[i]);
      }
    }
  });
  return array;
}

std::vector<Array> make_inputs(const OpCase& c, DType dtype) {
  Random random(20240517);
  std::vector<Array> inputs;
  for (const In& in : c.inputs) {
    std::vector<double> values = values_of(in, random);
    if (!in.dtype && !is_float(dtype) && in.kind != In::Kind::whole) {
      for (double& v : values) v = std::floor(3 * v);
      if (dtype == DType::u8) {
        for (double& v : values) v = std::abs(v);
      }
    }
    inputs.push_back(array_of(values, dtype_of(in, dtype), in.shape));
  }
  return inputs;
}

std::vector<Array> convert(const OpCase& c, const std::vector<Array>& inputs, DType dtype) {
  std::vector<Array> out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const In& in = c.inputs[i];
    out.push_back(array_of(numbers(inputs[i]), dtype_of(in, dtype), in.shape));
  }
  return out;
}

CaseGraphs build_case(const OpCase& c, DType dtype, Order order) {
  const PauseTracking pause;  // these graphs are never realised
  CaseGraphs g;
  Tensors inputs, wrt;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const DType d = dtype_of(c.inputs[i], dtype);
    inputs.push_back(make_input(Type(d, c.inputs[i].shape), "x" + std::to_string(i)));
    if (!is_float(d)) continue;
    g.active.push_back(i);
    wrt.push_back(inputs.back());
  }
  const Tensors outputs = c.build(inputs);
  g.forward.inputs = inputs;
  g.forward.outputs = outputs;
  if (order == Order::forward) return g;
  g.loss.inputs = inputs;
  const Tensor loss = weighted_sum(outputs, "w", g.loss.inputs);
  if (!loss) fail("case", "{} has no float output, expected gradient = false", c.name);
  g.loss.outputs = {loss};
  g.gradient.inputs = g.loss.inputs;
  g.gradient.outputs = outputs;
  const Tensors first = gradients(loss, wrt);
  g.gradient.outputs.insert(g.gradient.outputs.end(), first.begin(), first.end());
  if (order == Order::first) return g;
  g.loss2.inputs = g.loss.inputs;
  const Tensor loss2 = weighted_sum(first, "v", g.loss2.inputs);
  g.loss2.outputs = {loss2};
  g.second.inputs = g.loss2.inputs;
  g.second.outputs = gradients(loss2, wrt);
  return g;
}

std::vector<Array> with_weights(const Graph& graph, std::vector<Array> inputs) {
  Random random(7);
  const In weight = real({});
  for (size_t i = inputs.size(); i < graph.inputs.size(); ++i) {
    const Type& type = graph.inputs[i].type();
    std::vector<double> values(static_cast<size_t>(type.shape.numel()));
    for (double& v : values)
      v = static_cast<float>(bfloat16(static_cast<float>(draw(weight, random))));
    inputs.push_back(array_of(values, type.dtype, type.shape));
  }
  return inputs;
}

Runner::Runner(const Graph& graph, const Backend& backend)
    : program_(Program::build(graph, backend)), context_(program_) {
  for (const Tensor& t : graph.outputs) types_.push_back(t.type());
}

std::vector<Array> Runner::run(const std::vector<Array>& inputs) {
  std::vector<BufferPtr> blocks;
  for (const Array& a : inputs) blocks.push_back(a.buffer);
  const auto outputs = context_.run(blocks);
  std::vector<Array> arrays;
  for (size_t i = 0; i < outputs.size(); ++i) {
    arrays.emplace_back(types_[i].dtype, types_[i].shape, outputs[i]);
  }
  return arrays;
}

namespace {

Graph tested_graph(const OpCase& c, DType dtype) {
  if (!is_float(dtype)) return build_case(c, dtype, Order::forward).forward;
  const bool first = has_gradient(c);
  const CaseGraphs g = build_case(c, dtype, first ? Order::first : Order::forward);
  return first ? g.gradient : g.forward;
}

}  // namespace

void run_once(const OpCase& c, DType dtype, const Backend& backend) {
  if (!is_float(dtype) && !c.checks.integers) return;
  const Graph graph = tested_graph(c, dtype);
  Runner(graph, backend).run(with_weights(graph, make_inputs(c, dtype)));
}

void compare_floats(const OpCase& c, DType dtype, const Backend& backend) {
  const Graph exact = tested_graph(c, DType::f64), tested = tested_graph(c, dtype);
  const auto plain = make_inputs(c, dtype);
  const auto want =
      Runner(exact, reference_backend()).run(with_weights(exact, convert(c, plain, DType::f64)));
  const auto got = Runner(tested, backend).run(with_weights(tested, plain));
  for (size_t i = 0; i < want.size(); ++i) {
    const double allowed = std::max({tolerance_of(dtype), tolerance_of(got[i].dtype)});
    const bool whole = !is_float(got[i].dtype);
    expect_close(numbers(got[i]), numbers(want[i]), whole ? 0 : allowed * c.checks.tolerance,
                 "output " + std::to_string(i));
  }
}

void compare_integers(const OpCase& c, DType dtype, const Backend& backend) {
  if (!c.checks.integers) return;
  const auto inputs = make_inputs(c, dtype);
  const auto want =
      Runner(tested_graph(c, DType::i64), reference_backend()).run(convert(c, inputs, DType::i64));
  const auto got = Runner(tested_graph(c, dtype), backend).run(inputs);
  for (size_t i = 0; i < want.size(); ++i) {
    const Array wrapped = array_of(numbers(want[i]), got[i].dtype, got[i].shape);
    expect_close(numbers(got[i]), numbers(wrapped), 0, "output " + std::to_string(i));
  }
}

}  // namespace suan
