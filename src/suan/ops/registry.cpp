// The table of all operations, from ops/op_list.inc.
// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>

#include "suan/ops/op.h"

namespace suan {

#define OP(name) extern const OpDef name##_op;
#include "suan/ops/op_list.inc"
#undef OP

namespace {
constexpr const OpDef* kOps[] = {
#define OP(name) &name##_op,
#include "suan/ops/op_list.inc"
#undef OP
};
}  // namespace

std::span<const OpDef* const> all_ops() { return kOps; }
const OpDef& op_def(Op code) { return *kOps[static_cast<size_t>(code)]; }

const OpDef* find_op(std::string_view name) {
  static const auto* table = [] {
    auto* t = new std::unordered_map<std::string_view, const OpDef*>;
    for (const OpDef* op : kOps) t->emplace(op->name, op);
    return t;
  }();
  const auto it = table->find(name);
  return it == table->end() ? nullptr : it->second;
}

Cost cost_of(const Node& node) {
  Cost cost;
  for (const Tensor& t : node.inputs) {
    if (t) cost.bytes += static_cast<double>(t.type().bytes());
  }
  double elements = 0;
  for (const Type& type : node.types) {
    cost.bytes += static_cast<double>(type.bytes());
    elements += static_cast<double>(type.shape.numel());
  }
  if (!node.op->infer) return {};
  cost.flops = node.op->flops ? node.op->flops(node) : elements;
  return cost;
}

}  // namespace suan
