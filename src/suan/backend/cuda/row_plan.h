// How kernels on rows (kernels/row.cuh) are launched. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/backend/cuda/own_kernel.h"
#include "suan/backend/kernel.h"

namespace suan::cuda {

struct RowPlan {
  OwnKernel kernel;
  Launch launch;
};
// For the kernel `function` and rows of `length` elements.
RowPlan plan_rows(std::string_view function, DType dtype, int64_t rows, int64_t length);

// A power of two of threads, at most 32, for `count` lines side by side.
int threads_across(int64_t count);
// As many blocks as `count` needs, and no more than a launch can have.
unsigned blocks_of(int64_t count, int64_t each);

// A reason unless every operand is in plain layout and the first is a float.
const char* float_rows_why_not(const Node& node);

}  // namespace suan::cuda
