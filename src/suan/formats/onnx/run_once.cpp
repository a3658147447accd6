// Compiling and running once.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/run_once.h"

#include "suan/program/program.h"
#include "suan/tensor/compile.h"

namespace suan::onnx {
namespace {

// All tensors that stand in `values` and `nodes`, in order.
void for_each_result(std::vector<Value>& values, std::vector<NodeValue>* nodes,
                     const std::function<void(Tensor&)>& f) {
  for (Value& value : values) for_each_tensor(value, f);
  if (!nodes) return;
  for (NodeValue& node : *nodes) for_each_tensor(node.value, f);
}

std::vector<Value> run_compiled(const Model& model, const std::vector<Value>& arguments,
                                const RunOnceOptions& options, std::vector<NodeValue>* nodes) {
  auto [graph, outputs] = model.specialise(arguments, nodes);
  graph.outputs.clear();
  for_each_result(outputs, nodes, [&](Tensor& t) { graph.outputs.push_back(t); });
  RunContext context(Program::build(graph, current_backend(),
                                    {.precision = options.precision,
                                     .memory_limit = model.limits().memory,
                                     .small_memory = options.small_memory,
                                     .without = options.without}));
  const auto results = context.run(blocks_of(arguments));
  for (const BufferPtr& result : results) result->data();  // throws what a device found
  size_t next = 0;
  for_each_result(outputs, nodes, [&](Tensor& t) { t = make_constant(t.type(), results[next++]); });
  return outputs;
}

}  // namespace

std::vector<Value> run_once(const Model& model, const std::vector<Value>& arguments,
                            const RunOnceOptions& options, std::vector<NodeValue>* nodes) {
  if (!options.interpret) {
    try {
      return run_compiled(model, arguments, options, nodes);
    } catch (const DataDependent&) {
      if (nodes) nodes->clear();
    }
  }
  return model.interpret(arguments, nodes);
}

}  // namespace suan::onnx
