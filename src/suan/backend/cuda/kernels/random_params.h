// Arguments of the kernels in random.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

struct RandomParams {
  const int64_t* key;  // seed and stream
  float* y;
  uint64_t count;
};

}  // namespace suan::cuda
