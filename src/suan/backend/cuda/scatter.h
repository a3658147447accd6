// Updates combined into elements chosen by indices that are data, in a fixed order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

const char* scatter_why_not(const Node& node);
std::unique_ptr<Call> make_scatter_call(const Node& node);
std::unique_ptr<Call> make_put_along_axis_call(const Node& node);
std::unique_ptr<Call> make_segment_max_call(const Node& node);

}  // namespace suan::cuda
