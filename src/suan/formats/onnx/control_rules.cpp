// Control flow. Conditions and trip counts must be known when a node is followed: while recording a
// graph that holds for those that follow from shapes, and loops are unrolled; all others make the
// model data-dependent. SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/concat.h"
#include "suan/ops/leaf.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

Outputs if_rule(const NodeView& n) {
  const bool condition = n.known_number(0) != 0;
  return n.follow(n.graph(condition ? "then_branch" : "else_branch"), {});
}

// Scan outputs of a loop: the values of all iterations along a new first axis.
Tensor stacked(const std::vector<Tensor>& parts, const ::onnx::ValueInfoProto& info) {
  if (!parts.empty()) return stack(parts, 0);
  Shape shape{0};  // no iteration: the size is 0, the rest as far as the graph declares it
  const auto& type = info.type().tensor_type();
  for (const auto& dim : type.shape().dim()) shape.push_back(std::max<int64_t>(dim.dim_value(), 0));
  return zeros(shape, type.elem_type() ? dtype_of_onnx(type.elem_type(), "Loop") : DType::f32);
}

bool is_true(const NodeView& n, const Value& value) {
  NodeView condition = n;
  condition.inputs = {value};
  return condition.known_number(0) != 0;
}

// Body: (iteration, condition, carried...) -> (condition, carried..., scanned...)
Outputs loop(const NodeView& n) {
  const ::onnx::GraphProto& body = n.graph("body");
  const int64_t most = n.has(0) ? n.known_int(0) : INT64_MAX;
  bool condition = !n.has(1) || n.known_number(1) != 0;
  std::vector<Value> carried(n.inputs.begin() + std::min<std::ptrdiff_t>(2, n.count()),
                             n.inputs.end());
  const size_t count = carried.size();
  if (static_cast<size_t>(body.output_size()) < count + 1) {
    n.fail("the body has {} outputs, expected at least {}", body.output_size(), count + 1);
  }
  std::vector<std::vector<Tensor>> scanned(static_cast<size_t>(body.output_size()) - 1 - count);
  for (int64_t i = 0; i < most && condition; ++i) {
    if (i >= n.limits().loop) n.fail("ran {} iterations, which is the limit", i);
    std::vector<Value> arguments{Tensor::of<int64_t>({i}, {}), Tensor::of<bool>({condition}, {})};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    std::vector<Value> results = n.follow(body, std::move(arguments));
    condition = is_true(n, results[0]);
    for (size_t k = 0; k < count; ++k) carried[k] = std::move(results[k + 1]);
    for (size_t k = 0; k < scanned.size(); ++k) {
      const Value& value = results[k + 1 + count];
      if (!value.tensor) n.fail("scan output {} is {}, expected a tensor", k, to_string(value));
      scanned[k].push_back(value.tensor);
    }
  }
  Outputs outputs = std::move(carried);
  for (size_t k = 0; k < scanned.size(); ++k) {
    outputs.emplace_back(stacked(scanned[k], body.output(static_cast<int>(k + 1 + count))));
  }
  return outputs;
}

struct ScanAxes {
  std::vector<int64_t> axes, reversed;
};
ScanAxes scan_axes(const NodeView& n, std::string_view axes, std::string_view directions,
                   size_t count) {
  ScanAxes a{n.ints(axes), n.ints(directions)};
  a.axes.resize(count);
  a.reversed.resize(count);
  return a;
}

// Body: (states..., one element of each scan input...) -> (states..., one of each scan output...)
std::vector<Value> scan_over(const NodeView& n, std::vector<Value> inputs) {
  const ::onnx::GraphProto& body = n.graph("body");
  const int64_t scans = n.i("num_scan_inputs");
  const auto total = static_cast<int64_t>(inputs.size());
  if (scans < 1 || scans > total || body.output_size() < total - scans) {
    n.fail("has {} scan inputs of {} inputs", scans, total);
  }
  const auto states = static_cast<size_t>(total - scans);
  const bool old = n.opset < 9;
  const ScanAxes in = scan_axes(n, "scan_input_axes", old ? "directions" : "scan_input_directions",
                                static_cast<size_t>(scans));
  const size_t results = static_cast<size_t>(body.output_size()) - states;
  const ScanAxes out = scan_axes(n, "scan_output_axes", "scan_output_directions", results);
  std::vector<int> axes;
  int64_t length = -1;
  for (size_t k = 0; k < static_cast<size_t>(scans); ++k) {
    const Tensor& x = inputs[states + k].tensor;
    if (!x) n.fail("scan input {} is no tensor", k);
    axes.push_back(axis_of(n, in.axes[k], x.rank()));
    const int64_t size = x.shape()[axes.back()];
    if (length >= 0 && size != length) n.fail("scan inputs have {} and {} elements", length, size);
    length = size;
  }
  std::vector<Value> carried(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(states));
  std::vector<std::vector<Tensor>> scanned(results);
  for (int64_t i = 0; i < length; ++i) {
    std::vector<Value> arguments = carried;
    for (size_t k = 0; k < static_cast<size_t>(scans); ++k) {
      arguments.emplace_back(
          take(inputs[states + k].tensor, axes[k], in.reversed[k] ? length - 1 - i : i));
    }
    std::vector<Value> values = n.follow(body, std::move(arguments));
    for (size_t k = 0; k < states; ++k) carried[k] = std::move(values[k]);
    for (size_t k = 0; k < results; ++k) {
      if (!values[states + k].tensor) n.fail("scan output {} is no tensor", k);
      scanned[k].push_back(values[states + k].tensor);
    }
  }
  Outputs outputs = std::move(carried);
  for (size_t k = 0; k < results; ++k) {
    std::vector<Tensor>& parts = scanned[k];
    if (out.reversed[k]) std::reverse(parts.begin(), parts.end());
    if (parts.empty()) {
      outputs.emplace_back(stacked(parts, body.output(static_cast<int>(states + k))));
    } else {
      outputs.emplace_back(stack(parts, axis_of(n, out.axes[k], parts[0].rank() + 1)));
    }
  }
  return outputs;
}

// Opset 8 has a batch axis in front of everything, and lengths as input 0.
Outputs batched_scan(const NodeView& n) {
  if (n.count() < 2) n.fail("has no inputs");
  std::vector<Value> inputs(n.inputs.begin() + 1, n.inputs.end());
  if (inputs.empty() || !inputs[0].tensor || inputs[0].tensor.rank() < 1) n.fail("has no batch");
  if (n.has(0)) n.fail("sequence lengths of opset 8 are not supported");
  const int64_t batch = inputs[0].tensor.shape()[0];
  std::vector<std::vector<Tensor>> parts;
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<Value> one;
    for (const Value& value : inputs) {
      if (!value.tensor || value.tensor.rank() < 1) n.fail("an input has no batch axis");
      one.emplace_back(take(value.tensor, 0, b));
    }
    const std::vector<Value> results = scan_over(n, std::move(one));
    parts.resize(results.size());
    for (size_t k = 0; k < results.size(); ++k) {
      if (!results[k].tensor) n.fail("output {} is no tensor", k);
      parts[k].push_back(results[k].tensor);
    }
  }
  Outputs outputs;
  for (const auto& values : parts) outputs.emplace_back(stack(values, 0));
  return outputs;
}

Outputs scan(const NodeView& n) { return n.opset < 9 ? batched_scan(n) : scan_over(n, n.inputs); }

constexpr OperatorRule kRules[] = {
    {"If", if_rule},
    {"Loop", loop},
    {"Scan", scan},
};

}  // namespace

std::span<const OperatorRule> control_rules() { return kRules; }

}  // namespace suan::onnx
