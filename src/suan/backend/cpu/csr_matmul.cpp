// Sparse times dense. Each row of the result is summed in registers by the one thread that owns it,
// and threads share the stored elements, not the rows, evenly. The transposed product first turns
// the matrix round in scratch memory, by counting.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/csr_matmul.h"

#include <algorithm>

#include "suan/backend/cpu/move.h"
#include "suan/backend/csr.h"
#include "suan/base/threads.h"
#include "suan/ops/csr_matmul.h"
#include "suan/ops/op.h"

#ifndef SUAN_CSR_ROWS
#define SUAN_CSR_ROWS
namespace suan::cpu {
// Rows [begin, end) of a sparse matrix and the dense operands of n columns. values null: all 1.
struct CsrRows {
  int64_t begin, end;
  const int64_t *offsets, *columns;
  const void* values;
  size_t n;
};
}  // namespace suan::cpu
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/csr_matmul.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/element-inl.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

HWY_INLINE Vec load_part(const bfloat16* p, size_t n) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())] = {};
  for (size_t i = 0; i < n; ++i) lanes[i] = static_cast<float>(p[i]);
  return hn::Load(D(), lanes);
}
HWY_INLINE void store_part(Vec v, bfloat16* p, size_t n) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  hn::Store(v, D(), lanes);
  for (size_t i = 0; i < n; ++i) p[i] = bfloat16(lanes[i]);
}

// kVectors vectors of a row of the result.
template <int kVectors, class T>
HWY_INLINE void row_block(const CsrRows& m, int64_t first, int64_t last, const T* dense, T* y) {
  const D d;
  const T* values = static_cast<const T*>(m.values);
  Vec sums[kVectors];
  for (int v = 0; v < kVectors; ++v) sums[v] = hn::Zero(d);
  for (int64_t e = first; e < last; ++e) {
    const T* from = dense + static_cast<size_t>(m.columns[e]) * m.n;
    const Vec value = hn::Set(d, values ? static_cast<float>(values[e]) : 1.0f);
    for (int v = 0; v < kVectors; ++v) {
      sums[v] = hn::MulAdd(value, load(d, from + static_cast<size_t>(v) * hn::Lanes(d)), sums[v]);
    }
  }
  for (int v = 0; v < kVectors; ++v) store(sums[v], d, y + static_cast<size_t>(v) * hn::Lanes(d));
}

template <class T>
HWY_INLINE void row_tail(const CsrRows& m, int64_t first, int64_t last, const T* dense, T* y,
                         size_t count) {
  const D d;
  const T* values = static_cast<const T*>(m.values);
  Vec sum = hn::Zero(d);
  for (int64_t e = first; e < last; ++e) {
    const T* from = dense + static_cast<size_t>(m.columns[e]) * m.n;
    const Vec value = hn::Set(d, values ? static_cast<float>(values[e]) : 1.0f);
    sum = hn::MulAdd(value, load_part(from, count), sum);
  }
  store_part(sum, y, count);
}

template <class T>
void multiply_as(const CsrRows& m, const T* dense, T* y) {
  const size_t lanes = hn::Lanes(D());
  for (int64_t r = m.begin; r < m.end; ++r) {
    const int64_t first = m.offsets[r], last = m.offsets[r + 1];
    T* row = y + static_cast<size_t>(r) * m.n;
    size_t i = 0;
    for (; i + 4 * lanes <= m.n; i += 4 * lanes) row_block<4>(m, first, last, dense + i, row + i);
    for (; i + lanes <= m.n; i += lanes) row_block<1>(m, first, last, dense + i, row + i);
    if (i < m.n) row_tail(m, first, last, dense + i, row + i, m.n - i);
  }
}

template <class T>
void dot_as(const CsrRows& m, const T* a, const T* b, T* y) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  for (int64_t r = m.begin; r < m.end; ++r) {
    const T* row = a + static_cast<size_t>(r) * m.n;
    for (int64_t e = m.offsets[r]; e < m.offsets[r + 1]; ++e) {
      const T* other = b + static_cast<size_t>(m.columns[e]) * m.n;
      Vec sum = hn::Zero(d);
      size_t i = 0;
      for (; i + lanes <= m.n; i += lanes) {
        sum = hn::MulAdd(load(d, row + i), load(d, other + i), sum);
      }
      if (i < m.n)
        sum = hn::MulAdd(load_part(row + i, m.n - i), load_part(other + i, m.n - i), sum);
      y[e] = static_cast<T>(hn::GetLane(hn::SumOfLanes(d, sum)));
    }
  }
}

void csr_multiply(bool low, const CsrRows& m, const void* dense, void* y) {
  if (low) {
    return multiply_as(m, static_cast<const bfloat16*>(dense), static_cast<bfloat16*>(y));
  }
  multiply_as(m, static_cast<const float*>(dense), static_cast<float*>(y));
}
void csr_dot(bool low, const CsrRows& m, const void* a, const void* b, void* y) {
  if (low) {
    return dot_as(m, static_cast<const bfloat16*>(a), static_cast<const bfloat16*>(b),
                  static_cast<bfloat16*>(y));
  }
  dot_as(m, static_cast<const float*>(a), static_cast<const float*>(b), static_cast<float*>(y));
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(csr_multiply);
HWY_EXPORT(csr_dot);

constexpr int64_t kGrain = 1 << 14;  // multiplications worth a thread

// Runs f(rows) so that each thread gets about as many stored elements and rows.
template <class F>
void for_each_part(int64_t rows, CsrRows all, const F& f) {
  const int64_t total = rows + all.offsets[rows];
  const auto row_at = [&](int64_t work) {  // the first row with `work` or more before it
    int64_t low = 0, high = rows;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (middle + all.offsets[middle] < work) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  };
  const auto n = static_cast<int64_t>(all.n);
  parallel_for(total, kGrain / (n + 1) + 1, [&](int64_t begin, int64_t end) {
    CsrRows part = all;
    part.begin = row_at(begin);
    part.end = end == total ? rows : row_at(end);
    f(part);
  });
}

class CsrMatmulCall final : public Call {
 public:
  explicit CsrMatmulCall(const Node& node)
      : node_(node),
        transpose_(node.attr<CsrAttrs>().transpose),
        rows_(node.inputs[0].shape()[0] - 1),
        columns_(transpose_ ? node.attr<CsrAttrs>().columns : node.inputs[2].shape()[0]),
        count_(node.inputs[1].shape()[0]),
        low_(node.types[0].dtype == DType::bf16) {}
  // The turned matrix: its offsets, columns and values.
  size_t scratch_bytes() const override {
    if (!transpose_) return 0;
    return sizeof(int64_t) * static_cast<size_t>(columns_ + 1 + count_) +
           sizeof(float) * static_cast<size_t>(count_);
  }
  void run(const KernelArgs& args) const override {
    if (!check_csr(node_, args, columns_)) return;
    CsrRows m{0,
              0,
              args.in[0].as<int64_t>(),
              args.in[1].as<int64_t>(),
              args.in.size() > 3 ? args.in[3].data : nullptr,
              static_cast<size_t>(args.out[0].type.shape[1])};
    if (transpose_ && low_) m = turned<bfloat16>(m, args.scratch);
    if (transpose_ && !low_) m = turned<float>(m, args.scratch);
    for_each_part(transpose_ ? columns_ : rows_, m, [&](const CsrRows& part) {
      HWY_DYNAMIC_DISPATCH(csr_multiply)(low_, part, args.in[2].data, args.out[0].data);
    });
  }

 private:
  template <class T>
  CsrRows turned(const CsrRows& m, void* scratch) const {
    auto* offsets = static_cast<int64_t*>(scratch);
    int64_t* columns = offsets + columns_ + 1;
    T* values = m.values ? reinterpret_cast<T*>(columns + count_) : nullptr;
    std::fill_n(offsets, columns_ + 1, 0);
    for (int64_t e = 0; e < count_; ++e) ++offsets[m.columns[e] + 1];
    for (int64_t c = 0; c < columns_; ++c) offsets[c + 1] += offsets[c];
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t e = m.offsets[r]; e < m.offsets[r + 1]; ++e) {
        const int64_t to = offsets[m.columns[e]]++;
        columns[to] = r;
        if (values) values[to] = static_cast<const T*>(m.values)[e];
      }
    }
    // Each offset has moved on to the next row's start: move all back by one.
    for (int64_t c = columns_; c > 0; --c) offsets[c] = offsets[c - 1];
    offsets[0] = 0;
    return {0, 0, offsets, columns, values, m.n};
  }

  const Node& node_;
  bool transpose_;
  int64_t rows_, columns_, count_;
  bool low_;
};

class CsrDotCall final : public Call {
 public:
  explicit CsrDotCall(const Node& node) : node_(node) {}
  void run(const KernelArgs& args) const override {
    const Operand &a = args.in[2], &b = args.in[3];
    if (!check_csr(node_, args, b.type.shape[0])) return;
    const CsrRows m{0,
                    0,
                    args.in[0].as<int64_t>(),
                    args.in[1].as<int64_t>(),
                    nullptr,
                    static_cast<size_t>(a.type.shape[1])};
    const bool low = a.type.dtype == DType::bf16;
    for_each_part(a.type.shape[0], m, [&](const CsrRows& part) {
      HWY_DYNAMIC_DISPATCH(csr_dot)(low, part, a.data, b.data, args.out[0].data);
    });
  }

 private:
  const Node& node_;
};

}  // namespace

const char* csr_why_not(const Node& node) {
  const DType dtype = node.types[0].dtype;
  if (dtype != DType::f32 && dtype != DType::bf16) return "the dtype is not f32 or bf16";
  return plain_why_not(node);
}
std::unique_ptr<Call> make_csr_matmul_call(const Node& node) {
  return std::make_unique<CsrMatmulCall>(node);
}
std::unique_ptr<Call> make_csr_dot_call(const Node& node) {
  return std::make_unique<CsrDotCall>(node);
}

}  // namespace suan::cpu
#endif
