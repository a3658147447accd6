// Evaluation: the value of a tensor at once, node by node, with the kernels a program would use but
// without compiling one. It folds constants and runs graphs whose shapes depend on their data.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"
#include "suan/base/array.h"

namespace suan {

// Whether the tensor's value follows from constants alone (no input, state or random number).
bool is_constant(const Tensor& tensor);

// The value of `tensor`; what is computed on the way stays with the nodes. Throws Error when it
// depends on an input, when no kernel takes a node, and what kernels report about the data.
Array evaluate(const Tensor& tensor, const Backend& backend);

}  // namespace suan
