// Folding: nodes whose inputs are all constants or numbers become such themselves.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

bool is_number(const Tensor& t) { return is(t.node(), Op::full); }

bool foldable(const Node& node, const std::vector<Tensor>& inputs) {
  if (!node.op->infer || node.op->random || node.op->forwards || inputs.empty()) return false;
  if (is(node, Op::check_range)) return false;  // its error belongs to the run
  size_t read = 0, written = 0;
  bool numbers = true;
  for (const Tensor& t : inputs) {
    if (!t) continue;
    if (!is(t.node(), Op::constant) && !is_number(t)) return false;
    numbers = numbers && is_number(t);
    read += t.type().bytes();
  }
  for (const Type& type : node.types) written += type.bytes();
  constexpr size_t kSmall = size_t{1} << 20, kTiny = 64;
  return written <= (numbers ? kTiny : std::max(kSmall, 2 * read));  // repeating beats reading
}

// A number that is only given another shape: it stays a number, however often it is repeated.
Tensor reshaped_number(const Node& node, const std::vector<Tensor>& inputs) {
  const bool view =
      is(node, Op::reshape) || is(node, Op::broadcast_to) || is(node, Op::transpose);
  if (!view || !is_number(inputs[0])) return {};
  const Type& type = node.types[0];
  return full(inputs[0].node().attr<FullAttrs>().value, type.shape, type.dtype);
}

// One floating-point number is kept as such: kernels take it without reading memory.
Tensor known(const Type& type, const BufferPtr& value) {
  if (type.shape.rank() != 0 || !is_arithmetic(type.dtype) || !is_float(type.dtype)) {
    return make_constant(type, value);
  }
  return visit(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return full(static_cast<double>(*value->as<T>()), type.shape, type.dtype);
  });
}

// Large results are computed when they are wanted, which packing them does once: what is neither
// read nor kept plain takes no memory. Not where indices could be wrong: that is to be said here.
bool computed_later(const Node& node, const std::vector<Tensor>& inputs) {
  constexpr size_t kLarge = size_t{64} << 10;
  return !is_view(node) && node.types.size() == 1 && node.types[0].bytes() >= kLarge &&
         std::all_of(inputs.begin(), inputs.end(),
                     [](const Tensor& t) { return !t || is_float(t.dtype()); });
}
Tensor later(const NodePtr& node, const std::vector<Tensor>& inputs, const Target& target) {
  const Type& type = node->types[0];
  return make_constant(type, Buffer::deferred(type.bytes(), [node, inputs, target] {
                         return target.evaluate({with_inputs(*node, inputs), 0});
                       }));
}

}  // namespace

Graph fold_constants(const Graph& graph, const Target& target) {
  if (!target.evaluate) return graph;
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (const Tensor number = reshaped_number(*node, inputs)) return std::vector{number};
    if (!foldable(*node, inputs)) return outputs;
    if (computed_later(*node, inputs)) return std::vector{later(node, inputs, target)};
    const NodePtr copy = with_inputs(*node, inputs);
    for (size_t i = 0; i < node->types.size(); ++i) {
      const Tensor value(copy, static_cast<int>(i));
      outputs.push_back(known(value.type(), target.evaluate(value)));
    }
    return outputs;
  });
}

}  // namespace suan
