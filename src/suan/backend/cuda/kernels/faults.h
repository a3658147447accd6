// What a kernel reports a fault with. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

// Fault::Kind (backend/device.h), which kernels cannot include.
enum FaultKind : int32_t {
  kBadIndex = 0,
  kBadLabel = 1,
  kOutOfRange = 2,
  kBadOffset = 3,
  kBadColumn = 4
};

// Indices in memory, each in [-size, size); negative ones count from the back.
struct IndexList {
  const void* at;
  int64_t size;
  void* fault;   // where one outside is reported
  int32_t step;  // of the program
  int32_t wide;  // they are i64, else i32
};

}  // namespace suan::cuda
