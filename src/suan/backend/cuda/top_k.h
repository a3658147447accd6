// The largest elements in order, and sorting, on a GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

const char* top_k_why_not(const Node& node);
std::unique_ptr<Call> make_top_k_call(const Node& node);

}  // namespace suan::cuda
