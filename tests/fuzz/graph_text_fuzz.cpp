// Any bytes as the text of a graph: a graph that verifies and prints to text that parses back, or
// an Error. SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "suan/base/error.h"
#include "suan/graph/graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text;
  try {
    const suan::Graph graph = suan::parse_graph({reinterpret_cast<const char*>(data), size});
    suan::verify(graph);
    text = suan::to_text(graph, 1 << 20);
  } catch (const suan::Error&) {
    return 0;
  }
  // A second round must not fail: what was printed is a graph.
  if (suan::to_text(suan::parse_graph(text), 1 << 20) != text) std::abort();
  return 0;
}
