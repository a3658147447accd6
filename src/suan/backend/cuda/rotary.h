// Rotary position embedding. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

std::unique_ptr<Call> make_rotary_call(const Node& node);

}  // namespace suan::cuda
