// Panel by panel.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/weight_only_pack.h"

#include <algorithm>

#include "suan/base/threads.h"

namespace suan::cpu {
namespace {

int64_t whole_depth(int64_t k) { return (k + kDepth - 1) / kDepth * kDepth; }

// Eight rows of one column as 4 bits each, or two groups of four bytes; zeros behind the last row.
void pack_eight(const uint8_t* from, int64_t step, int64_t rows, uint32_t plus, uint32_t* half) {
  for (int64_t j = 0; j < rows; ++j) *half |= ((from[j * step] + plus) & 15) << (4 * j);
}
void pack_eight(const uint8_t* from, int64_t step, int64_t rows, uint8_t* to) {
  for (int64_t j = 0; j < rows; ++j) to[j / 4 * 4 * kColumns + j % 4] = from[j * step];
}

template <class T>
void pack_blocks(const StoredMatrix& m, const T* from, T* to) {
  const int64_t panels = panels_of(m.n);
  for (int64_t p = 0; p < panels; ++p) {
    for (int64_t k = 0; k < m.k; ++k) {
      for (int64_t c = 0; c < kColumns; ++c, ++to) {
        const int64_t n = p * kColumns + c;
        *to = n < m.n ? from[k * m.k_step() + n * m.n_step()] : T{0};
      }
    }
  }
}

}  // namespace

int64_t panels_of(int64_t n) { return (n + kColumns - 1) / kColumns; }
int64_t panel_bytes(int64_t k, const WeightFormat& format) {
  return whole_depth(k) * kColumns * format.bits / 8;
}

PackedForm weights_form(const StoredMatrix& w, const WeightFormat& format) {
  const int64_t together = format.bits == 4 ? kDepth : 4;
  return {.element_size = 1,
          .half = format.bits == 4,
          .plus = format.bits == 4 ? format.offset() : 0,
          .dims = {w.k, w.n},
          .plain_strides = {w.k_step(), w.n_step()},
          .strides = {together * kColumns, whole_depth(w.k) * kColumns},
          .blocks = {{kColumns, 1}, {together, 0}}};
}

void pack_weights(const StoredMatrix& w, const WeightFormat& format, const void* from, void* to) {
  const int64_t size = panel_bytes(w.k, format), group = kDepth * kColumns * format.bits / 8;
  const auto plus = static_cast<uint32_t>(format.offset());
  parallel_for(panels_of(w.n), 1, [&](int64_t begin, int64_t end) {
    std::fill_n(static_cast<uint8_t*>(to) + begin * size, (end - begin) * size, uint8_t{0});
    for (int64_t p = begin; p < end; ++p) {
      uint8_t* panel = static_cast<uint8_t*>(to) + p * size;
      const int64_t width = std::min(kColumns, w.n - p * kColumns);
      for (int64_t k = 0; k < w.k; k += kDepth, panel += group) {
        const int64_t rows = std::min(kDepth, w.k - k);
        const uint8_t* column =
            static_cast<const uint8_t*>(from) + k * w.k_step() + p * kColumns * w.n_step();
        for (int64_t c = 0; c < width; ++c, column += w.n_step()) {
          if (format.bits == 4) {
            pack_eight(column, w.k_step(), rows, plus, reinterpret_cast<uint32_t*>(panel) + c);
          } else {
            pack_eight(column, w.k_step(), rows, panel + 4 * c);
          }
        }
      }
    }
  });
}

PackedForm by_block_form(const StoredMatrix& m, int64_t element_size) {
  return {.element_size = element_size,
          .dims = {m.k, m.n},
          .plain_strides = {m.k_step(), m.n_step()},
          .strides = {kColumns, m.k * kColumns},
          .blocks = {{kColumns, 1}}};
}

void pack_by_block(const StoredMatrix& m, int64_t element_size, const void* from, void* to) {
  if (element_size == 4) {
    pack_blocks(m, static_cast<const float*>(from), static_cast<float*>(to));
  } else {
    pack_blocks(m, static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to));
  }
}

}  // namespace suan::cpu
