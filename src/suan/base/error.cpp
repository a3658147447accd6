// The out-of-line part of SUAN_ASSERT.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"

#include <cstdio>
#include <cstdlib>

namespace suan {

void assert_failed(const char* condition, const char* why, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s (%s)\n", file, line, condition, why);
  std::abort();
}

}  // namespace suan
