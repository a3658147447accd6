// The graph of a function of Tensors, as it is before any pass.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "suan/graph/trace.h"

namespace suan {

struct TracedFunction {
  Graph graph;  // inputs `arg0`, `arg1`, ...; updates of the states that the function assigns
  std::vector<Trace::Guard> guards;
  std::vector<std::string> specialisations;
};

// Calls the function once, on inputs of these types.
TracedFunction trace_function(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& function,
    const std::vector<Type>& types);

}  // namespace suan
