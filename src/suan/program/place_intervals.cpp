// Offline placement of storage intervals: greedy by size (Pisarchyk and Lee, "Efficient memory
// management for deep neural net inference", 2020), then again with what stuck out placed first.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "suan/program/plan.h"

namespace suan {
namespace {

constexpr int kRounds = 48;

size_t end_of(const Interval& item) { return item.offset + aligned(item.bytes); }

// Gives each interval the tightest gap that those before it in the order leave.
size_t place(std::vector<Interval>& intervals, const std::vector<size_t>& order) {
  std::vector<const Interval*> placed;  // ordered by offset
  size_t total = 0;
  for (size_t i : order) {
    Interval& item = intervals[i];
    const size_t need = aligned(item.bytes);
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
      end = std::max(end, end_of(*other));
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

// No placement takes less than what lives at one time.
size_t least_total(const std::vector<Interval>& intervals) {
  int end = 0;
  for (const Interval& item : intervals) end = std::max(end, item.last + 1);
  std::vector<size_t> born(static_cast<size_t>(end) + 1), dead(static_cast<size_t>(end) + 1);
  for (const Interval& item : intervals) {
    born[static_cast<size_t>(item.first)] += aligned(item.bytes);
    dead[static_cast<size_t>(item.last) + 1] += aligned(item.bytes);
  }
  size_t now = 0, most = 0;
  for (size_t t = 0; t < born.size(); ++t) {
    now = now + born[t] - dead[t];
    most = std::max(most, now);
  }
  return most;
}

}  // namespace

size_t pack_intervals(std::vector<Interval>& intervals) {
  std::vector<size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return intervals[a].bytes > intervals[b].bytes; });
  const size_t least = least_total(intervals);
  size_t best = place(intervals, order);
  std::vector<Interval> trial = intervals;
  for (int round = 0; round < kRounds && best > least; ++round) {
    const auto top = std::max_element(order.begin(), order.end(), [&](size_t a, size_t b) {
      return end_of(trial[a]) < end_of(trial[b]);
    });
    std::rotate(order.begin(), top, top + 1);
    const size_t total = place(trial, order);
    if (total >= best) continue;
    best = total;
    intervals = trial;
  }
  return best;
}

}  // namespace suan
