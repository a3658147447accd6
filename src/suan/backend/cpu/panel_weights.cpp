// Packing, and its description.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/panel_weights.h"

#include <algorithm>

#include "suan/backend/cpu/gemm.h"
#include "suan/base/threads.h"

namespace suan::cpu {

PanelWeights::PanelWeights(std::vector<int64_t> dims, std::vector<int64_t> strides,
                           int64_t element) {
  const bool conv = dims.size() == 4;
  const size_t k_dim = conv ? 1 : 0;
  const int64_t together = element == 2 ? 2 : 1;
  n_dim_ = 1 - k_dim;
  n_ = dims[n_dim_];
  k_ = 1;
  for (size_t i = 0; i < dims.size(); ++i) k_ *= i == n_dim_ ? 1 : dims[i];
  panels_ = (n_ + kPanel - 1) / kPanel;
  form_ = {.element_size = element, .dims = std::move(dims), .plain_strides = std::move(strides)};
  form_.strides.assign(form_.dims.size(), 0);
  form_.strides[n_dim_] = k_ * kPanel;
  form_.strides[k_dim] = together * kPanel;
  if (conv) {
    form_.strides[3] = form_.dims[1] * kPanel;
    form_.strides[2] = form_.dims[3] * form_.strides[3];
  }
  form_.blocks = {{kPanel, static_cast<int64_t>(n_dim_)}};
  if (together > 1) form_.blocks.push_back({together, static_cast<int64_t>(k_dim)});
}

int64_t PanelWeights::panel_bytes() const { return k_ * kPanel * form_.element_size; }

std::vector<int64_t> PanelWeights::row_offsets() const {
  std::vector<size_t> order;  // of the other dimensions, the slowest first
  for (size_t i = 2; i < form_.dims.size(); ++i) order.push_back(i);
  order.push_back(1 - n_dim_);
  std::vector<int64_t> rows{0};
  for (const size_t dim : order) {
    std::vector<int64_t> next;
    next.reserve(rows.size() * static_cast<size_t>(form_.dims[dim]));
    for (const int64_t at : rows) {
      for (int64_t i = 0; i < form_.dims[dim]; ++i)
        next.push_back(at + i * form_.plain_strides[dim]);
    }
    rows = std::move(next);
  }
  return rows;
}

template <class T, int64_t kTogether>
void PanelWeights::pack_as(const void* from, void* to) const {
  const std::vector<int64_t> rows = row_offsets();
  const int64_t n_step = form_.plain_strides[n_dim_];
  parallel_for(panels_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const T* w = static_cast<const T*>(from) + p * kPanel * n_step;
      T* panel = static_cast<T*>(to) + p * k_ * kPanel;
      const int64_t width = std::min(kPanel, n_ - p * kPanel);
      for (int64_t k = 0; k < k_; ++k) {
        T* row = panel + k / kTogether * kTogether * kPanel + k % kTogether;
        const T* plain = w + rows[static_cast<size_t>(k)];
        for (int64_t n = 0; n < kPanel; ++n)
          row[n * kTogether] = n < width ? plain[n * n_step] : T{0};
      }
    }
  });
}

void PanelWeights::pack(const void* from, void* to) const {
  form_.element_size == 2 ? pack_as<uint16_t, 2>(from, to) : pack_as<uint32_t, 1>(from, to);
}

}  // namespace suan::cpu
