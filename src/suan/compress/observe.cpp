// Filling histograms.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/observe.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/base/threads.h"

namespace suan::compress {

std::vector<Histogram> observe(const Graph& graph, const std::vector<Tensor>& values,
                               std::span<const Batch> batches) {
  std::vector<Histogram> histograms(values.size());
  std::vector<char> finite(values.size(), 1);
  for_each_batch(graph, values, batches, [&](const std::vector<Array>& arrays) {
    parallel_for(static_cast<int64_t>(arrays.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto at = static_cast<size_t>(i);
        const auto span = arrays[at].span<float>();
        finite[at] =
            std::all_of(span.begin(), span.end(), [](float v) { return std::isfinite(v); });
        if (finite[at]) histograms[at].add(span);
      }
    });
    for (size_t i = 0; i < values.size(); ++i) {
      if (finite[i]) continue;
      fail(ErrorCode::kNumeric, "calibration", "{} gives NaN or infinity",
           where_of(values[i].node()));
    }
  });
  return histograms;
}

}  // namespace suan::compress
