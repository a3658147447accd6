// Kernels that work row by row along the last axis: softmax, cross-entropy, layer normalization.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"
#include "suan/base/threads.h"

namespace suan::cpu {

const char* softmax_why_not(const Node& node);
std::unique_ptr<Call> make_softmax_call(const Node& node);  // log_softmax too
const char* cross_entropy_why_not(const Node& node);
std::unique_ptr<Call> make_cross_entropy_call(const Node& node);

// Rows of floats cut out of an operand of another dtype, each piece of the work with a buffer of
// its own.
class RowReader {
 public:
  RowReader(const Type& type, int64_t length);
  bool converts() const { return converts_; }
  // Row r as floats: where it lies, or converted into `buffer`.
  const float* read(const Operand& x, int64_t r, float* buffer) const;
  // Writes a row of floats made in `buffer` (nothing to do where target() gave the row itself).
  float* target(const Operand& y, int64_t r, float* buffer) const;
  void write(const float* row, const Operand& y, int64_t r) const;

 private:
  bool converts_;
  int64_t length_;
  size_t element_;
  void (*load_)(const void*, float*, size_t);
  void (*store_)(const float*, void*, size_t);
};

// Into how many pieces a kernel cuts `rows` rows of `length` elements, and the rows of one piece.
int64_t row_pieces(int64_t rows, int64_t length);
template <class F>
void for_each_piece(int64_t rows, int64_t pieces, const F& f) {  // f(piece, first row, end)
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) f(p, rows * p / pieces, rows * (p + 1) / pieces);
  });
}

}  // namespace suan::cpu
