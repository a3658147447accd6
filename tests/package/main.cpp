// Uses what an installed Suan offers: headers, threads, errors.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "suan/base/error.h"
#include "suan/base/threads.h"

int main() {
  try {
    suan::set_num_threads(0);
  } catch (const suan::Error& error) {
    std::puts(error.what());
    return suan::num_threads() >= 1 ? 0 : 1;
  }
  return 1;
}
