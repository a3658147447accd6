// Runs a kernel that words.h made a C++ function, on every thread of a grid.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace emulate {

struct Index {
  unsigned x, y, z;
};
struct Position {
  Index thread, block, block_size, grid;
};
extern "C" {
extern Position suan_emulate_position;
}
using Run = void (*)(const void* params);

Run find_kernel(std::string_view name);  // null: nobody registered it
// Not for two threads of the system at once. Throws Error where threads wait for each other.
void run_grid(Run kernel, const void* params, const unsigned (&blocks)[3], unsigned threads,
              size_t shared_bytes);

}  // namespace emulate
