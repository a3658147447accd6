// Running sums on a GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

const char* cumsum_why_not(const Node& node);
std::unique_ptr<Call> make_cumsum_call(const Node& node);

}  // namespace suan::cuda
