// Laying out operands once. SPDX-License-Identifier: Apache-2.0
#include "suan/program/operand_table.h"

namespace suan {

OperandTable::OperandTable(const Plan& plan, std::span<void* const> addresses) {
  const auto add = [&](int storage, const Tensor& t) {
    Operand operand;
    if (t) operand.type = t.type();
    if (t) operand.layout = layout_of(t);
    if (storage >= 0) operand.data = addresses[static_cast<size_t>(storage)];
    if (storage >= 0 && !operand.data) patches_.push_back({operands_.size(), storage});
    operands_.push_back(operand);
  };
  for (const PlannedStep& step : plan.steps) {
    const Tensor copied(step.node, 0);
    inputs_.push_back(operands_.size());
    for (size_t i = 0; i < step.in.size(); ++i) {
      add(step.in[i], step.kernel ? step.node->inputs[i] : copied);
    }
    outputs_.push_back(operands_.size());
    for (size_t i = 0; i < step.out.size(); ++i) {
      add(step.out[i], {step.node, static_cast<int>(i)});
    }
  }
  inputs_.push_back(operands_.size());
}

void OperandTable::set(std::span<void* const> addresses) {
  for (const Patch& p : patches_) {
    operands_[p.operand].data = addresses[static_cast<size_t>(p.storage)];
  }
}

std::span<const Operand> OperandTable::inputs(size_t step) const {
  return std::span(operands_).subspan(inputs_[step], outputs_[step] - inputs_[step]);
}
std::span<const Operand> OperandTable::outputs(size_t step) const {
  return std::span(operands_).subspan(outputs_[step], inputs_[step + 1] - outputs_[step]);
}

}  // namespace suan
