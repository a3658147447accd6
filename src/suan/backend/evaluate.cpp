// Evaluating single nodes. Small ones go to the reference loops, which need no preparation.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/evaluate.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/graph/graph.h"
#include "suan/graph/pending.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan {
namespace {

constexpr double kSmallWork = 1 << 12;

const Kernel* kernel_for(const Node& node, const Backend& backend) {
  if (cost_of(node).flops <= kSmallWork) {
    const auto reference = own_kernels(reference_backend(), node);
    if (!reference.empty()) return reference[0];
  }
  for (const Backend* b = &backend; b; b = b->fallback) {
    if (b->device) continue;
    const auto own = own_kernels(*b, node);
    if (!own.empty()) return own[0];
  }
  return nullptr;
}

void run_kernel(const Node& node, const Kernel& kernel) {
  std::vector<Operand> in, out;
  std::vector<BufferPtr> blocks, packs;
  for (const Tensor& t : node.inputs) {
    if (!t) {
      in.emplace_back();
    } else {
      in.push_back({(*t.node().value(t.output()))->data(), t.type()});
    }
  }
  for (const Type& type : node.types) {
    blocks.push_back(Buffer::allocate(std::max<size_t>(type.bytes(), 1)));
    out.push_back({blocks.back()->data(), type});
  }
  const auto call = make_call(kernel, node);
  pack_inputs(*call, in, packs);
  const BufferPtr scratch = Buffer::allocate(std::max<size_t>(call->scratch_bytes(), 1));
  RunErrors errors;
  call->run({in, out, scratch->data(), errors});
  errors.throw_if_any();
  node.values = std::move(blocks);
}

void evaluate_node(const NodePtr& node, const Backend& backend) {
  if (!node->op->infer) {
    fail(node->op->name, "'{}' has no value yet: it is an argument of the graph", node->label);
  }
  if (is_view(*node)) {
    node->values.resize(node->types.size());
    for (size_t i = 0; i < node->types.size(); ++i) {
      const Tensor& source = viewed({node, static_cast<int>(i)});
      node->values[i] = *source.node().value(source.output());
    }
    return;
  }
  if (const Kernel* kernel = kernel_for(*node, backend)) {
    run_kernel(*node, *kernel);
    return;
  }
  if (!node->op->decompose) {
    fail(ErrorCode::kUnsupported, node->op->name, "no {} kernel takes it", backend.name);
  }
  const std::vector<Tensor> parts = node->op->decompose(node);
  node->values.resize(node->types.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i]) node->values[i] = evaluate(parts[i], backend).buffer;
  }
}

}  // namespace

bool is_constant(const Tensor& tensor) {
  for (const NodePtr& node : unvalued_nodes({&tensor, 1})) {
    if (!node->op->infer || node->op->random) return false;
  }
  return true;
}

Array evaluate(const Tensor& tensor, const Backend& backend) {
  const PauseTracking pause;
  for (const NodePtr& node : unvalued_nodes({&tensor, 1})) {
    if (!node->value(0)) evaluate_node(node, backend);
  }
  return {tensor.dtype(), tensor.shape(), *tensor.node().value(tensor.output())};
}

}  // namespace suan
