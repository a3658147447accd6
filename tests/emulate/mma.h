// The functions of kernels/mma.cuh that are instructions of a GPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/mma.cuh"
#include "tests/emulate/halves.h"

template <class T>
void multiply_add(Sums& c, const Quad& a, uint32_t b0, uint32_t b1, T) {
  struct Given {
    uint32_t a[4], b[2];
  };
  const Given mine{{a.r[0], a.r[1], a.r[2], a.r[3]}, {b0, b1}};
  Given all[32];
  emulate::suan_emulate_exchange(&mine, all, sizeof mine);
  const auto half = [](uint32_t pair, int upper) {
    T x;
    x.bits = static_cast<uint16_t>(upper ? pair >> 16 : pair);
    return widen(x);
  };
  const auto a_at = [&](int row, int k) {
    const Given& g = all[row % 8 * 4 + k % 8 / 2];
    return half(g.a[row / 8 + k / 8 * 2], k % 2);
  };
  const auto b_at = [&](int k, int column) {
    return half(all[column * 4 + k % 8 / 2].b[k / 8], k % 2);
  };
  const int lane = static_cast<int>(threadIdx.x & 31);
  for (int i = 0; i < 4; ++i) {
    for (int k = 0; k < 16; ++k) {
      c.v[i] += a_at(lane / 4 + i / 2 * 8, k) * b_at(k, lane % 4 * 2 + i % 2);
    }
  }
}

inline Quad load_emulated(const void* row, bool turned) {
  const void* rows[32];
  emulate::suan_emulate_exchange(static_cast<const void*>(&row), static_cast<void*>(rows),
                                 sizeof row);
  const int lane = static_cast<int>(threadIdx.x & 31);
  Quad q;
  for (int matrix = 0; matrix < 4; ++matrix) {
    const auto at = [&](int r, int c) {
      return static_cast<const uint16_t*>(rows[matrix * 8 + r])[c];
    };
    const int along = lane / 4, pair = lane % 4 * 2;
    const uint32_t low = turned ? at(pair, along) : at(along, pair);
    const uint32_t high = turned ? at(pair + 1, along) : at(along, pair + 1);
    q.r[matrix] = low | high << 16;
  }
  return q;
}
inline Quad load_matrices(const void* row) { return load_emulated(row, false); }
inline Quad load_turned(const void* row) { return load_emulated(row, true); }

inline void send16(void* to, const void* from, bool is_there) {
  if (is_there) std::memcpy(to, from, 16);
  if (!is_there) std::memset(to, 0, 16);
}
inline void end_of_group() {}
template <int kGroups>
void wait_for_groups() {}
