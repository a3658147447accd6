// Elements chosen by indices that are data, and checks of such numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/cuda/kernels/gather_params.h"
#include "suan/backend/kernel.h"

namespace suan::cuda {

std::unique_ptr<Call> make_gather_call(const Node& node);
std::unique_ptr<Call> make_take_along_axis_call(const Node& node);
std::unique_ptr<Call> make_check_range_call(const Node& node);

// Input 1, whose elements are positions in [0, size).
IndexList index_list(const KernelArgs& args, int64_t size);
// The axes of `indices`, with strides in `x`, whose axis `axis` they index; gives how many.
int along_dims(const Shape& indices, const Shape& x, int axis, AlongDim (&dims)[kAlongRank]);

}  // namespace suan::cuda
