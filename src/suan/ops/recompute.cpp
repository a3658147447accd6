// Rules of barrier and checkpoint.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/recompute.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef barrier_op, checkpoint_op;

namespace {
double no_flops(const Node&) { return 0; }
}  // namespace

const OpDef barrier_op{
    .code = Op::barrier,
    .name = "barrier",
    .doc = "x itself, as a value that exists only after another one.",
    .inputs = {"x", "after"},
    .infer = [](const InferContext& c) -> std::vector<Type> { return {c.type(0)}; },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> { return {c.grad(), {}}; },
    .keeps_zero = true,
    .forwards = true,
    .flops = no_flops,
};
Tensor barrier(const Tensor& x, const Tensor& after) { return make(barrier_op, {x, after}); }

const OpDef checkpoint_op{
    .code = Op::checkpoint,
    .name = "checkpoint",
    .doc =
        "The first `results` inputs themselves; their gradient computes them a second time from "
        "the other inputs.",
    .inputs = {"values*"},
    .attrs = &kAttrsType<CheckpointAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const int64_t results = c.attr<CheckpointAttrs>().results;
      if (results < 1 || results > c.count()) {
        fail(c.name(), "results is {}, expected 1 to {}, the number of inputs", results, c.count());
      }
      std::vector<Type> types;
      for (int i = 0; i < results; ++i) types.push_back(c.type(i));
      return types;
    },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      return {n->inputs.begin(), n->inputs.begin() + static_cast<std::ptrdiff_t>(n->types.size())};
    },
    .keeps_zero = true,
    .forwards = true,
    .recompute = true,
    .flops = no_flops,
};

std::vector<Tensor> make_checkpoint(const std::vector<Tensor>& results,
                                    const std::vector<Tensor>& sources) {
  std::vector<Tensor> inputs = results;
  inputs.insert(inputs.end(), sources.begin(), sources.end());
  const NodePtr node = make_node(checkpoint_op, std::move(inputs),
                                 CheckpointAttrs{static_cast<int64_t>(results.size())});
  std::vector<Tensor> out;
  for (size_t i = 0; i < results.size(); ++i) out.emplace_back(node, static_cast<int>(i));
  return out;
}

}  // namespace suan
