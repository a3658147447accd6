// How the axes of an engine's pad rules lie in its inputs and outputs, and which program can serve
// which arguments through padding.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "suan/engine/independence.h"
#include "suan/engine/padding.h"
#include "suan/formats/onnx/model.h"

namespace suan {

// One rule and where its axis lies in a model.
struct PadAxis {
  PadRule rule;
  std::vector<AxisOf> inputs;
  std::vector<int> outputs;  // of each output tensor the padded axis, or -1
  bool settled = false;      // the outputs are known, and proven where that is due: it is padded
  bool optional = false;     // nobody asked for it: without a proof it is dropped

  const std::string& name() const { return rule.symbols[0]; }
  // The size in these types. Throws Error where they disagree or it is beyond the bound.
  int64_t size(std::span<const Type> types) const;
  bool agrees(std::span<const Type> types) const;     // whether they have one size
  int64_t bucket(std::span<const Type> types) const;  // the size itself where it is not settled
};

using Sizes = std::vector<int64_t>;  // of each axis of a plan

class PadPlan {
 public:
  using Trace = std::function<onnx::Specialised(const std::vector<Type>&)>;

  PadPlan() = default;
  // Throws Error for a rule whose symbols or mask no input has. `batch`: the first axis of all
  // inputs, where it is open, is padded too, once it is proven independent.
  PadPlan(const std::vector<PadRule>& rules, const std::vector<onnx::Argument>& inputs, bool batch);

  bool empty() const { return axes_.empty(); }
  // Whether they are tensors as the model declares them; others are not padded.
  bool fits(std::span<const Type> types) const;
  bool settled(bool optional) const;
  Sizes buckets(std::span<const Type> types) const;
  // The largest that may come: bounds where they are known, else buckets.
  Sizes largest(std::span<const Type> types) const;
  // The inputs' types with all open sizes at their bounds; empty: one has none.
  std::vector<Type> bounds() const;
  std::vector<Type> with(std::span<const Type> types, const Sizes& sizes) const;

  // Whether a program for the types `larger` serves `types`; `padding` gets how many times as large
  // its arguments are.
  bool serves(std::span<const Type> larger, std::span<const Type> types, double& padding) const;
  // Whether it is the program of the bucket of `types`.
  bool is_bucket(std::span<const Type> larger, std::span<const Type> types) const;
  // Finds the outputs' axes and makes the proofs by tracing the model at sizes near these types':
  // of the axes that were asked for, or of the optional one. Throws Error where one cannot be
  // padded.
  void settle(std::span<const Type> types, const Trace& trace, bool optional);
  void drop_optional();
  // Throws Error unless these results have the axes where they were found.
  void check(std::span<const Type> types, std::span<const Type> results) const;
  // The shape of an output for arguments of these types, of a program for the types `larger`.
  Shape cut(size_t output, const Type& result, std::span<const Type> larger,
            std::span<const Type> types) const;

 private:
  std::vector<onnx::Argument> inputs_;
  std::vector<PadAxis> axes_;
};

}  // namespace suan
