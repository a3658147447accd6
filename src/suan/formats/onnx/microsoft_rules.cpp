// Operators of ONNX Runtime's domain that language models are published with: MatMulNBits, whose
// weights have 4 or 8 bits and a scale for each block of a column.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

// What the attributes say: y[..., n] = sum_k x[..., k] w[n, k].
struct Packing {
  int64_t n = 0, k = 0, bits = 4, block = 0;
  int64_t blocks() const { return (k + block - 1) / block; }
  int64_t row_bytes() const { return blocks() * block * bits / 8; }
};

Packing packing_of(const NodeView& n) {
  const Packing w{n.i("N"), n.i("K"), n.i("bits", 4), n.i("block_size")};
  if (w.bits != 4 && w.bits != 8) n.fail("the weights have {} bits, expected 4 or 8", w.bits);
  constexpr int64_t kMost = int64_t{1} << 31;
  const auto fits = [](int64_t size) { return size > 0 && size < kMost; };
  if (!fits(w.n) || !fits(w.k)) n.fail("N is {} and K is {}, expected at least 1", w.n, w.k);
  if (!fits(w.block) || w.block % 2 != 0) {
    n.fail("block_size is {}, expected an even number above 0", w.block);
  }
  return w;
}

void expect_count(const NodeView& n, int input, int64_t count) {
  if (n.in(input).shape().numel() == count) return;
  n.fail("input {} is {}, expected {} elements", input, to_string(n.in(input).shape()), count);
}

// Rows of numbers, each in whole bytes, the first number of a byte in its lower half; with `less`
// taken off.
Tensor unpacked(const Array& packed, int64_t rows, int64_t row_bytes, int64_t columns, int less) {
  const DType dtype = less ? DType::i4 : DType::u4;
  const auto bytes = static_cast<size_t>(rows * columns);
  const auto fill = [=](const Buffer::Inputs& from) {
    BufferPtr to = Buffer::allocate(bytes);
    for (int64_t r = 0; r < rows; ++r) {
      const uint8_t* in = from[0]->as<uint8_t>() + r * row_bytes;
      auto* out = to->as<uint8_t>() + r * columns;
      for (int64_t i = 0; i < columns; ++i) {
        out[i] = static_cast<uint8_t>((in[i / 2] >> (i % 2 * 4) & 15) - less);
      }
    }
    return to;
  };
  return Tensor::from(
      Array(dtype, {rows, columns}, Buffer::deferred(bytes, {packed.buffer}, fill)));
}

// [rows, columns] of what is stored, u8 or u4; counted from the middle of the range: i8 or i4.
Tensor integers(const NodeView& n, int input, const Packing& w, int64_t row_bytes, int64_t columns,
                bool from_middle) {
  if (n.in(input).dtype() != DType::u8) {
    n.fail("input {} is {}, expected u8", input, name(n.in(input).dtype()));
  }
  expect_count(n, input, w.n * row_bytes);
  constexpr int kMiddle4 = 8, kMiddle8 = 128;
  const Array packed = n.known(input);
  if (w.bits == 4) return unpacked(packed, w.n, row_bytes, columns, from_middle ? kMiddle4 : 0);
  const Tensor whole = reshape(NodeView::constant(packed), {w.n, row_bytes});
  const Tensor q = columns == row_bytes ? whole : narrow(whole, 1, 0, columns);
  return from_middle ? cast(cast(q, DType::i16) - kMiddle8, DType::i8) : q;
}

// Zero points are integers packed like the weights, or floats: those move the weights afterwards.
Tensor dequantized(const NodeView& n, const Packing& w) {
  expect_count(n, 2, w.n * w.blocks());
  const auto by_block = [&](int input) {
    return reshape(cast(n.in(input), DType::f32), {w.n, w.blocks()});
  };
  const Tensor scale = by_block(2);
  const DequantizeAttrs attrs{.axis = 1, .block = w.block};
  const bool floats = n.has(3) && is_float(n.in(3).dtype());
  const Tensor q = integers(n, 1, w, w.row_bytes(), w.k, !n.has(3));
  if (!n.has(3)) return dequantize(q, scale, {}, attrs);
  if (!floats) {
    const int64_t zero_bytes = (w.blocks() * w.bits + 7) / 8;
    return dequantize(q, scale, integers(n, 3, w, zero_bytes, w.blocks(), false), attrs);
  }
  expect_count(n, 3, w.n * w.blocks());
  const Tensor one = full(1, q.shape(), DType::u8);
  return dequantize(q, scale, {}, attrs) - dequantize(one, by_block(3) * scale, {}, attrs);
}

Outputs matmul_n_bits(const NodeView& n) {
  const Packing w = packing_of(n);
  const Tensor& x = n.in(0);
  if (!is_float(x.dtype()) || x.rank() == 0 || x.shape().back() != w.k) {
    n.fail("got {}, expected floats with {} columns", to_string(x.type()), w.k);
  }
  if (n.has(4)) n.fail("g_idx (rows in another order than blocks) is not supported");
  Tensor y = matmul(cast(x, DType::f32), dequantized(n, w), MatmulAttrs{.transpose_b = true});
  if (n.has(5)) {
    expect_count(n, 5, w.n);
    y = y + reshape(cast(n.in(5), DType::f32), {w.n});
  }
  return {cast(y, x.dtype())};
}

constexpr OperatorRule kRules[] = {{"com.microsoft.MatMulNBits", matmul_n_bits}};

}  // namespace

std::span<const OperatorRule> microsoft_rules() { return kRules; }

}  // namespace suan::onnx
