// Strided copies. A transpose goes by tiles that hold a cache line of either side; 16- and 32-bit
// elements turn inside 128-bit registers, which the baseline has, so nothing is dispatched.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/move.h"

#include <algorithm>
#include <cstring>

#include "hwy/highway.h"
#include "suan/base/threads.h"

namespace suan::cpu {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kGrain = 1 << 15;  // bytes worth a thread

// to[r][c] = from[c][r] for a square of 16 bytes by 16 bytes.
template <class T>
HWY_ATTR void turn_square(const T* from, int64_t from_step, T* to, int64_t to_step) {
  if constexpr (sizeof(T) == 4) {
    const hn::Simd<uint32_t, 4, 0> d;
    const hn::Simd<uint64_t, 2, 0> d2;
    const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_step);
    const auto c = hn::LoadU(d, from + 2 * from_step), e = hn::LoadU(d, from + 3 * from_step);
    const auto ab = hn::BitCast(d2, hn::InterleaveLower(d, a, b));
    const auto ce = hn::BitCast(d2, hn::InterleaveLower(d, c, e));
    const auto ab2 = hn::BitCast(d2, hn::InterleaveUpper(d, a, b));
    const auto ce2 = hn::BitCast(d2, hn::InterleaveUpper(d, c, e));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, ab, ce)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, ab, ce)), d, to + to_step);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, ab2, ce2)), d, to + 2 * to_step);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, ab2, ce2)), d, to + 3 * to_step);
  } else {
    const hn::Simd<uint16_t, 8, 0> d;
    const hn::Simd<uint32_t, 4, 0> d4;
    const hn::Simd<uint64_t, 2, 0> d2;
    hn::Vec<decltype(d4)> x[8];  // pairs of rows, then of pairs
    for (int i = 0; i < 4; ++i) {
      const auto a = hn::LoadU(d, from + 2 * i * from_step);
      const auto b = hn::LoadU(d, from + (2 * i + 1) * from_step);
      x[i] = hn::BitCast(d4, hn::InterleaveLower(d, a, b));
      x[i + 4] = hn::BitCast(d4, hn::InterleaveUpper(d, a, b));
    }
    for (int half = 0; half < 2; ++half) {
      const auto* p = x + 4 * half;
      T* row = to + 4 * half * to_step;
      const auto low = hn::BitCast(d2, hn::InterleaveLower(d4, p[0], p[1]));
      const auto low2 = hn::BitCast(d2, hn::InterleaveLower(d4, p[2], p[3]));
      const auto high = hn::BitCast(d2, hn::InterleaveUpper(d4, p[0], p[1]));
      const auto high2 = hn::BitCast(d2, hn::InterleaveUpper(d4, p[2], p[3]));
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, low, low2)), d, row);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, low, low2)), d, row + to_step);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, high, high2)), d, row + 2 * to_step);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, high, high2)), d, row + 3 * to_step);
    }
  }
}

// to[r * to_step + c] = from[c * from_step + r].
template <class T>
void turn(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t rows, int64_t columns) {
  constexpr int64_t kColumns = 64;
  constexpr int64_t kSide = sizeof(T) == 2 ? 8 : 4;
  const bool squares = sizeof(T) == 4 || sizeof(T) == 2;
  const auto one_by_one = [&](int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
    for (int64_t r = r0; r < r1; ++r) {
      for (int64_t c = c0; c < c1; ++c) to[r * to_step + c] = from[c * from_step + r];
    }
  };
  for (int64_t c0 = 0; c0 < columns; c0 += kColumns) {
    const int64_t c1 = std::min(columns, c0 + kColumns);
    const int64_t whole = squares ? c0 + (c1 - c0) / kSide * kSide : c0;
    for (int64_t r0 = 0; r0 < rows; r0 += 8) {
      const int64_t r1 = std::min(rows, r0 + 8);
      if constexpr (sizeof(T) == 4 || sizeof(T) == 2) {
        int64_t r = r0;
        for (; r + kSide <= r1; r += kSide) {
          for (int64_t c = c0; c < whole; c += kSide) {
            turn_square(from + c * from_step + r, from_step, to + r * to_step + c, to_step);
          }
        }
        one_by_one(r, r1, c0, whole);
      }
      one_by_one(r0, r1, whole, c1);
    }
  }
}

template <class T>
void copy_run(const T* from, T* to, int64_t n) {
  if (n > 16) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

}  // namespace

Move::Move(std::vector<MoveDim> dims, size_t element) : dims_(std::move(dims)), element_(element) {
  collapse(dims_);
  choose_inside();
  split();
}

void Move::choose_inside() {
  if (dims_.empty()) return;
  line_ = dims_.back();
  dims_.pop_back();
  inside_ = Inside::stride;
  if (line_.to != 1) return;
  if (line_.from == 1) inside_ = Inside::run;
  if (line_.from == 0) inside_ = Inside::repeat;
  if (inside_ != Inside::stride) return;
  const auto contiguous = [](const MoveDim& d) { return d.from == 1; };
  const auto rows = std::find_if(dims_.begin(), dims_.end(), contiguous);
  if (rows == dims_.end()) return;
  rows_ = *rows;
  dims_.erase(rows);
  inside_ = Inside::swap;
}

void Move::split() {
  for (const MoveDim& d : dims_) outer_ *= d.size;
  const auto bytes = static_cast<int64_t>(element_);
  if (inside_ == Inside::swap) {
    block_ = std::clamp<int64_t>(kGrain / (bytes * std::max<int64_t>(1, line_.size)) / 16 * 16, 16,
                                 std::max<int64_t>(16, rows_.size));
    blocks_ = (rows_.size + block_ - 1) / block_;
  } else {
    block_ = std::max<int64_t>(1, std::min(line_.size, kGrain / bytes));
    blocks_ = (line_.size + block_ - 1) / block_;
  }
}

template <class T>
void Move::run_as(const T* from, T* to) const {
  const bool swap = inside_ == Inside::swap;
  const int64_t work = block_ * (swap ? line_.size : 1) * static_cast<int64_t>(sizeof(T));
  parallel_for(outer_ * blocks_, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work)),
               [&](int64_t begin, int64_t end) {
                 int64_t index[kMaxRank + 1] = {}, at = 0, out = 0;
                 int64_t block = begin % blocks_, rest = begin / blocks_;
                 for (size_t i = dims_.size(); i-- > 0;) {
                   index[i] = rest % dims_[i].size;
                   rest /= dims_[i].size;
                   at += index[i] * dims_[i].from;
                   out += index[i] * dims_[i].to;
                 }
                 for (int64_t unit = begin; unit < end; ++unit) {
                   const MoveDim& cut = swap ? rows_ : line_;
                   const int64_t first = block * block_, n = std::min(block_, cut.size - first);
                   const T* p = from + at + first * cut.from;
                   T* q = to + out + first * cut.to;
                   switch (inside_) {
                     case Inside::run:
                       copy_run(p, q, n);
                       break;
                     case Inside::repeat:
                       std::fill_n(q, n, *p);
                       break;
                     case Inside::swap:
                       turn(p, line_.from, q, rows_.to, n, line_.size);
                       break;
                     case Inside::stride:
                       for (int64_t i = 0; i < n; ++i) q[i * line_.to] = p[i * line_.from];
                       break;
                   }
                   if (++block < blocks_) continue;
                   block = 0;
                   for (size_t i = dims_.size(); i-- > 0;) {
                     at += dims_[i].from;
                     out += dims_[i].to;
                     if (++index[i] < dims_[i].size) break;
                     at -= dims_[i].from * dims_[i].size;
                     out -= dims_[i].to * dims_[i].size;
                     index[i] = 0;
                   }
                 }
               });
}

void Move::run(const void* from, void* to) const {
  switch (element_) {
    case 1:
      return run_as(static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to));
    case 2:
      return run_as(static_cast<const uint16_t*>(from), static_cast<uint16_t*>(to));
    case 4:
      return run_as(static_cast<const uint32_t*>(from), static_cast<uint32_t*>(to));
    default:
      return run_as(static_cast<const uint64_t*>(from), static_cast<uint64_t*>(to));
  }
}

}  // namespace suan::cpu
