// Division by a number that is known when a kernel is made ready: a product and a shift.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

// Of numbers below 2^31, n / by is the upper half of n * factor, shifted (Granlund and Montgomery,
// "Division by invariant integers using multiplication", 1994); `by` of 1 is left to the reader.
struct Divider {
  uint64_t by;
  uint32_t factor, shift;
};

inline Divider divider(int64_t by) {
  Divider d{static_cast<uint64_t>(by), 0, 0};
  if (by <= 1 || by >> 31 != 0) return d;  // a factor of 0 gives 0
  uint32_t bits = 0;
  while ((uint64_t{1} << bits) < d.by) ++bits;
  d.factor = static_cast<uint32_t>(((uint64_t{1} << (31 + bits)) + d.by - 1) / d.by);
  d.shift = bits - 1;
  return d;
}

}  // namespace suan::cuda
