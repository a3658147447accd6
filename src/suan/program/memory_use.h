// How much of its memory a program holds while each of its steps runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/program/plan.h"

namespace suan {

// Bytes in the memory that the backend's own kernels work on.
struct MemoryUse {
  size_t kept = 0;              // constants and states
  size_t arguments = 0;         // inputs, results and new values of states
  std::vector<size_t> by_step;  // activations and scratch that a step needs or later ones read
  size_t arena = 0;             // that is set aside for by_step
  size_t peak() const;          // kept, arguments and the most of by_step
  size_t allocated() const { return kept + arguments + arena; }
};
MemoryUse memory_use(const Plan& plan, bool on_device);

}  // namespace suan
