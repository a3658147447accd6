// OpDef: the one declaration of an operation, what it IS. Kernels live in backend/. Every field is
// read by a generic subsystem, so a new op needs no edit anywhere else.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "suan/graph/node.h"

namespace suan {

enum class Op : uint16_t;  // the enumerators come from ops/op_list.inc, see ops/op.h

// What shape rules may look at.
class InferContext {
 public:
  InferContext(const OpDef& op, std::span<const Tensor> inputs, const Attrs& attrs,
               std::span<const std::shared_ptr<const Graph>> regions)
      : op(op), inputs(inputs), attrs_(attrs), regions(regions) {}
  int count() const { return static_cast<int>(inputs.size()); }
  bool has(int i) const { return i < count() && static_cast<bool>(inputs[i]); }
  const Type& type(int i) const { return inputs[i].type(); }
  const Shape& shape(int i) const { return type(i).shape; }
  DType dtype(int i) const { return type(i).dtype; }
  template <class A>
  const A& attr() const {
    return attrs_.get<A>();
  }
  std::string_view name() const;

  const OpDef& op;
  std::span<const Tensor> inputs;

 private:
  const Attrs& attrs_;

 public:
  std::span<const std::shared_ptr<const Graph>> regions;
};

// What gradient rules may look at. A rule returns one tensor per input; undefined means none.
struct GradContext {
  const NodePtr& node;
  const std::vector<Tensor>& grads;  // one per output; undefined where no gradient arrives
  const std::vector<bool>& needs;    // which inputs' gradients anybody wants

  const Tensor& grad(int i = 0) const { return grads[i]; }
  const Tensor& in(int i) const { return node->inputs[i]; }
  bool has(int i) const { return i < static_cast<int>(node->inputs.size()) && node->inputs[i]; }
  Tensor out(int i = 0) const { return {node, i}; }
  template <class A>
  const A& attr() const {
    return node->attrs.get<A>();
  }
};

// How an op takes part in mixed precision.
enum class Precision : uint8_t {
  follow,  // works at the precision its inputs have
  low,     // gains from 16-bit inputs, accumulates in f32: matmul, convolution, attention
  full,    // wants f32 arithmetic inside; takes 16-bit inputs (softmax, norms, losses, sums)
};

struct Cost {
  double flops = 0;
  double bytes = 0;  // inputs read and outputs written once
};

struct ElementwiseRow;  // ops/elementwise.h

struct OpDef {
  Op code;
  std::string_view name;
  std::string_view doc;  // one sentence and the formula
  // Input names; a trailing '?' marks an optional input, a trailing '*' a variadic tail.
  std::initializer_list<std::string_view> inputs = {};
  const AttrsType* attrs = nullptr;
  // Checks all that a user can get wrong and returns the output types.
  std::vector<Type> (*infer)(const InferContext&);
  // Null: the gradient is that of the decomposition; with no decomposition either, there is none.
  std::vector<Tensor> (*gradient)(const GradContext&) = nullptr;
  // The same outputs from simpler ops; null: a primitive.
  std::vector<Tensor> (*decompose)(const NodePtr&) = nullptr;
  const ElementwiseRow* row = nullptr;  // of elementwise ops: the formula, for every backend
  bool commutative = false;
  bool keeps_zero = false;  // f(0) = 0, so padding stays zero
  bool random = false;      // not to be merged with an equal node, nor folded
  // Nothing to compute: output i is input i itself, in its memory, dtype and layout. Inputs beyond
  // the outputs only have to come first.
  bool forwards = false;
  bool recompute = false;  // its gradient computes its outputs anew (autodiff/checkpoint)
  Precision precision = Precision::follow;
  bool (*exact)(const Node&) = nullptr;  // whether operands keep their precision in any case
  // The attributes of a node that may round its f32 operands to TF32; null: it never may.
  Attrs (*in_tf32)(const Node&) = nullptr;
  // The same outputs, in the node's dtypes, by operands in FP8; nothing where the node is not worth
  // it. Null: it never is.
  std::vector<Tensor> (*in_fp8)(const NodePtr&) = nullptr;
  double (*flops)(const Node&) = nullptr;  // null: one per output element
};

std::span<const OpDef* const> all_ops();      // in the order of ops/op_list.inc
const OpDef* find_op(std::string_view name);  // null: no such op
const OpDef& op_def(Op code);
Cost cost_of(const Node& node);

}  // namespace suan
