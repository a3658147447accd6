// Rules of split. It has no kernels of its own: a backend runs the slices it consists of.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/split.h"

#include <fmt/format.h>

#include "suan/base/error.h"
#include "suan/ops/concat.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/slice.h"

namespace suan {

extern const OpDef split_op;

const OpDef split_op{
    .code = Op::split,
    .name = "split",
    .doc = "Consecutive parts along an axis, one output for each of `sizes`.",
    .inputs = {"x"},
    .attrs = &kAttrsType<SplitAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<SplitAttrs>();
      const int axis = normalize_axis(a.axis, c.shape(0).rank(), c.name());
      std::vector<Type> types;
      int64_t left = c.shape(0)[axis];
      for (const int64_t size : a.sizes) {
        if (size < 0 || size > left) break;
        left -= size;
        Shape shape = c.shape(0);
        shape[axis] = size;
        types.emplace_back(c.dtype(0), shape);
      }
      if (left != 0 || types.size() != a.sizes.size() || types.empty()) {
        fail(c.name(), "sizes [{}] do not add up to axis {} of {}", fmt::join(a.sizes, ", "),
             a.axis, to_string(c.shape(0)));
      }
      return types;
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      std::vector<Tensor> parts;
      for (size_t i = 0; i < c.grads.size(); ++i) {
        const Type& type = c.node->types[i];
        parts.push_back(c.grads[i] ? c.grads[i] : zeros(type.shape, type.dtype));
      }
      return {concat(parts, c.attr<SplitAttrs>().axis)};
    },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      const auto& a = n->attr<SplitAttrs>();
      std::vector<Tensor> parts;
      int64_t at = 0;
      for (const int64_t size : a.sizes) {
        parts.push_back(narrow(n->inputs[0], a.axis, at, at + size));
        at += size;
      }
      return parts;
    },
    .keeps_zero = true,
    .flops = [](const Node&) { return 0.0; },
};

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis) {
  const NodePtr node = make_node(split_op, {x}, SplitAttrs{sizes, axis});
  if (sizes.size() == 1) return {x};
  std::vector<Tensor> parts;
  for (size_t i = 0; i < sizes.size(); ++i) parts.emplace_back(node, static_cast<int>(i));
  return parts;
}

}  // namespace suan
