// Any bytes as the text of a graph: a graph that verifies, prints to text that parses back and goes
// through all passes, or an Error. SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "suan/base/error.h"
#include "suan/graph/graph.h"
#include "suan/graph/op_def.h"
#include "suan/passes/pass.h"

namespace {

// A device that has a kernel for nothing that can be taken apart.
constexpr suan::Target kTarget{
    .name = "fuzz",
    .why_not = [](const suan::Node&) { return "every op with a rule is decomposed"; },
    .fuses = [](const suan::Node& node) { return node.op->row != nullptr; }};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text;
  suan::Graph graph;
  try {
    graph = suan::parse_graph({reinterpret_cast<const char*>(data), size});
    suan::verify(graph);
    text = suan::to_text(graph, 1 << 20);
  } catch (const suan::Error&) {
    return 0;
  }
  // A second round must not fail: what was printed is a graph.
  if (suan::to_text(suan::parse_graph(text), 1 << 20) != text) std::abort();
  try {
    suan::optimise(graph, kTarget);
  } catch (const suan::Error&) {}
  return 0;
}
