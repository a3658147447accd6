// Timelines by CUPTI: https://docs.nvidia.com/cupti/. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "suan/backend/cuda/driver/queue.h"

namespace suan::cuda {

// Null, with the reason in one line, where CUPTI is not there, refuses, or already works for
// another timeline of this process.
std::unique_ptr<Timeline> open_timeline(std::shared_ptr<Queue> queue, CUdevice device,
                                        std::string& why_not);

}  // namespace suan::cuda
