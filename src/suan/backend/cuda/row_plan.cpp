// A warp for a short row, a block for a long one; only very long ones are read more than once.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/row_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace suan::cuda {

RowPlan plan_rows(std::string_view function, DType dtype, int64_t rows, int64_t length) {
  constexpr int64_t kWarps = 8;   // of a block whose warps have a row each
  constexpr int64_t kEach = 16;   // elements that a thread of a block holds
  constexpr int64_t kMost = 512;  // threads of a block
  const auto wide_count = static_cast<int64_t>(16 / size_of(dtype));
  const char* wide = length % wide_count == 0 ? "_wide" : "";
  RowPlan plan;
  const int64_t most_of_warp = size_of(dtype) == 8 ? 256 : 1024;  // registers hold them
  if (length <= most_of_warp) {
    plan.kernel = OwnKernel(
        fmt::format("{}_warp{}{}_{}", function, length <= 256 ? 8 : 32, wide, name(dtype)));
    plan.launch = {.blocks = {blocks_of(rows, kWarps), 1, 1}, .threads = 32 * kWarps};
  } else if (length <= kMost * kEach) {
    const int64_t threads = (length + 32 * kEach - 1) / (32 * kEach) * 32;
    plan.kernel = OwnKernel(fmt::format("{}_block16{}_{}", function, wide, name(dtype)));
    plan.launch = {.blocks = {blocks_of(rows, 1), 1, 1}, .threads = static_cast<unsigned>(threads)};
  } else {
    plan.kernel = OwnKernel(fmt::format("{}_stream_{}", function, name(dtype)));
    plan.launch = {.blocks = {blocks_of(rows, 1), 1, 1}, .threads = kMost};
  }
  return plan;
}

int threads_across(int64_t count) {
  int threads = 1;
  while (threads < 32 && threads < count) threads *= 2;
  return threads;
}

unsigned blocks_of(int64_t count, int64_t each) {
  constexpr int64_t kMost = int64_t{1} << 30;
  return static_cast<unsigned>(std::clamp<int64_t>((count + each - 1) / each, 1, kMost));
}

const char* float_rows_why_not(const Node& node) {
  if (!is_float(node.inputs[0].dtype())) return "the dtype is not a float";
  return plain_numbers_why_not(node);
}

}  // namespace suan::cuda
