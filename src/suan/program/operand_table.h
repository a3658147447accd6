// The operands of a plan's steps with their addresses, in a row, as kernels are given them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "suan/program/plan.h"

namespace suan {

class OperandTable {
 public:
  OperandTable() = default;
  // `addresses` by storage; where one is null, it is set before every run.
  OperandTable(const Plan& plan, std::span<void* const> addresses);
  void set(std::span<void* const> addresses);  // those that were null

  // Inputs, then outputs. A copy has one of each.
  std::span<const Operand> inputs(size_t step) const;
  std::span<const Operand> outputs(size_t step) const;

 private:
  struct Patch {  // an operand whose address changes from run to run
    size_t operand;
    int storage;
  };
  std::vector<Operand> operands_;
  std::vector<size_t> inputs_, outputs_;  // first of each step; inputs_ has its end too
  std::vector<Patch> patches_;
};

}  // namespace suan
