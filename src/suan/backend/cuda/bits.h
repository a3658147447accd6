// Operations on bits. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

std::unique_ptr<Call> make_bitwise_call(const Node& node);
std::unique_ptr<Call> make_bitcast_call(const Node& node);

}  // namespace suan::cuda
