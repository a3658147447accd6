// Tracing one call of a function.
// SPDX-License-Identifier: Apache-2.0
#include "suan/tensor/trace_function.h"

#include "suan/base/error.h"

namespace suan {

TracedFunction trace_function(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& function,
    const std::vector<Type>& types) {
  TracedFunction traced;
  Graph& graph = traced.graph;
  const Trace trace;
  for (const Type& type : types) {
    graph.inputs.push_back(make_input(type, fmt::format("arg{}", graph.inputs.size())));
  }
  graph.outputs = function(graph.inputs);
  graph.updates = trace.updates();
  traced.guards = trace.guards();
  traced.specialisations = trace.specialisations();
  return traced;
}

}  // namespace suan
