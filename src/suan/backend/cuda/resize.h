// Resizing along one axis. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

const char* float_why_not(const Node& node);  // floats in plain layout
std::unique_ptr<Call> make_resize_call(const Node& node);

}  // namespace suan::cuda
