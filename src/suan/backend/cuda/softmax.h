// Softmax and its logarithm on a GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

std::unique_ptr<Call> make_softmax_call(const Node& node);

}  // namespace suan::cuda
