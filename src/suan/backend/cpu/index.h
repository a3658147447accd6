// Rows chosen by indices that are data: gather and scatter along one axis, and segment_max.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

std::unique_ptr<Call> make_gather_call(const Node& node);
const char* scatter_why_not(const Node& node);
std::unique_ptr<Call> make_scatter_call(const Node& node);
std::unique_ptr<Call> make_segment_max_call(const Node& node);  // refuses what scatter refuses

}  // namespace suan::cpu
