// How reductions (kernels/reduce.cuh) are launched. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/backend/cuda/kernels/reduce_params.h"
#include "suan/backend/cuda/row_plan.h"
#include "suan/base/shape.h"

namespace suan::cuda {

struct ReducePlan {
  ReduceShape shape{};
  OwnKernel kernel, merge_kernel;
  Launch launch, merge_launch;
  size_t scratch_bytes = 0;  // of the partial results; 0: there are none

  // `params` has shape and partials as members.
  template <class Params>
  void run(Gpu& gpu, Params params, void* scratch) const {
    params.shape = shape;
    params.partials = scratch_bytes ? scratch : nullptr;
    kernel.launch(gpu, launch, params);
    if (scratch_bytes) merge_kernel.launch(gpu, merge_launch, params);
  }
};

// The kernels of `function` for memory of this shape, reduced over the dims for which `reduced` is
// set. `suffix`: of the kernels' names; `wide`: elements of 16 bytes, 1 where kernels have no wide
// form.
ReducePlan plan_reduction(const std::string& function, const std::string& suffix,
                          const Shape& shape, const std::vector<bool>& reduced, int64_t wide);
inline int64_t wide_count(DType dtype) { return 16 / static_cast<int64_t>(size_of(dtype)); }

// A reason where a launch cannot have so many results.
const char* reduction_why_not(int64_t outputs);

}  // namespace suan::cuda
