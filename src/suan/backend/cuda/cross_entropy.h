// Cross-entropy with its slope on a GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

std::unique_ptr<Call> make_cross_entropy_call(const Node& node);

}  // namespace suan::cuda
