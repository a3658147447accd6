// Scratch memory: two arrays of keys, two of their numbers, the counts of digits.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/key_sort.h"

namespace suan::cuda {

KeySort::KeySort(int64_t count, int64_t largest)
    : count_(static_cast<uint32_t>(count)), blocks_((count_ + kSortTile - 1) / kSortTile) {
  while (largest >> (8 * passes_) != 0) ++passes_;
}

size_t KeySort::scratch_bytes() const {
  return (4 * stride() + size_t{kSortBins} * blocks_) * sizeof(uint32_t);
}

KeySort::Sorted KeySort::sort(Gpu& gpu, void* scratch) const {
  uint32_t* const base = keys(scratch);
  const auto array = [&](size_t i) { return base + i * stride(); };
  SortParams p{};
  p.counts = array(4);
  p.count = count_;
  p.blocks = blocks_;
  for (size_t pass = 0; pass < static_cast<size_t>(passes_); ++pass) {
    const size_t from = pass % 2, to = 1 - from;
    p.keys = array(from);
    p.order = pass == 0 ? nullptr : array(2 + from);
    p.keys_to = array(to);
    p.order_to = array(2 + to);
    p.shift = static_cast<uint32_t>(8 * pass);
    histogram_.launch(gpu, {.blocks = {blocks_, 1, 1}, .threads = 256}, p);
    scan_.launch(gpu, {.blocks = {1, 1, 1}, .threads = 1024}, p);
    place_.launch(gpu, {.blocks = {blocks_, 1, 1}, .threads = 256}, p);
  }
  return {p.keys_to, p.order_to};
}

}  // namespace suan::cuda
