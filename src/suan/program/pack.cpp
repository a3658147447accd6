// Offline placement of storage intervals (greedy by size, after Pisarchyk and Lee, "Efficient
// memory management for deep neural net inference", 2020). SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "suan/program/plan.h"

namespace suan {

size_t pack_intervals(std::vector<Interval>& intervals) {
  constexpr size_t kAlign = 64;
  std::vector<size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return intervals[a].bytes > intervals[b].bytes; });
  std::vector<const Interval*> placed;  // ordered by offset
  size_t total = 0;
  for (size_t i : order) {
    Interval& item = intervals[i];
    const size_t need = (item.bytes + kAlign - 1) / kAlign * kAlign;
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (const Interval* other : placed) {
      if (other->last < item.first || other->first > item.last) continue;
      if (other->offset > end) {
        const size_t gap = other->offset - end;
        if (gap >= need && gap < best_gap) {
          best = end;
          best_gap = gap;
        }
      }
      end = std::max(end, other->offset + (other->bytes + kAlign - 1) / kAlign * kAlign);
    }
    item.offset = best == SIZE_MAX ? end : best;
    total = std::max(total, item.offset + need);
    const auto at = std::upper_bound(
        placed.begin(), placed.end(), &item,
        [](const Interval* a, const Interval* b) { return a->offset < b->offset; });
    placed.insert(at, &item);
  }
  return total;
}

}  // namespace suan
