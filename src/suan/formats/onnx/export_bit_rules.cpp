// How operations on bits leave, and random numbers, which are made of them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/base/small_types.h"
#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/arange.h"
#include "suan/ops/bitwise.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

DType unsigned_of(DType dtype) {
  switch (size_of(dtype)) {
    case 1:
      return DType::u8;
    case 2:
      return DType::u16;
    case 4:
      return DType::u32;
    default:
      return DType::u64;
  }
}

// BitShift takes unsigned integers. As one of those a negative distance is one of too many bits.
Tensors lower_bitwise(const NodePtr& n, int64_t /*opset*/) {
  const BitwiseKind kind = n->attr<BitwiseAttrs>().kind;
  const Tensor &a = n->inputs[0], &b = n->inputs[1];
  const bool shifts = kind == BitwiseKind::shift_left || kind == BitwiseKind::shift_right;
  if (!shifts || is_unsigned(a.dtype())) return {};
  const DType bits = unsigned_of(a.dtype());
  const auto shifted = [&](const Tensor& x) {
    return cast(bitwise(cast(x, bits), cast(b, bits), kind), a.dtype());
  };
  if (kind == BitwiseKind::shift_left) return {shifted(a)};
  const Tensor negative = a < 0.0;
  const Tensor y = shifted(select(negative, bitwise_not(a), a));
  return {select(negative, bitwise_not(y), y)};
}

Names emit_shift(Emitter& e, const Node& n, const char* direction) {
  const Tensor& b = n.inputs[1];
  const DType dtype = b.dtype();
  const int bits = bits_of(dtype);
  const NodeAttrs attrs{{"direction", direction}};
  const std::string a = e.of(n.inputs[0]);
  const bool is_short = is(b.node(), Op::full) && b.node().attr<FullAttrs>().value < bits;
  if (is_short) return e.add("BitShift", {a, e.of(b)}, attrs);
  const std::string zero = e.number(0, dtype);
  const std::string far = e.one("GreaterOrEqual", {e.of(b), e.number(bits, dtype)});
  const std::string y = e.one("BitShift", {a, e.one("Where", {far, zero, e.of(b)})}, attrs);
  return {e.one("Where", {far, zero, y})};
}

Names emit_bitwise(Emitter& e, const Node& n) {
  switch (n.attr<BitwiseAttrs>().kind) {
    case BitwiseKind::bit_and:
      return e.add("BitwiseAnd", e.inputs_of(n));
    case BitwiseKind::bit_or:
      return e.add("BitwiseOr", e.inputs_of(n));
    case BitwiseKind::bit_xor:
      return e.add("BitwiseXor", e.inputs_of(n));
    case BitwiseKind::shift_left:
      return emit_shift(e, n, "LEFT");
    case BitwiseKind::shift_right:
      break;
  }
  return emit_shift(e, n, "RIGHT");
}

// Casts between integers of one size keep the bits.
Names emit_bitcast(Emitter& e, const Node& n) {
  const DType from = n.inputs[0].dtype(), to = n.types[0].dtype;
  const auto is_whole = [](DType d) { return is_integer(d) || d == DType::boolean; };
  if (is_whole(from) && is_whole(to)) return {e.cast(e.of(n.inputs[0]), from, to)};
  e.need(26, fmt::format("bitcast from {} to {}", name(from), name(to)));
  return e.add("BitCast", e.inputs_of(n), {{"to", int64_t{e.type_code(to)}}});
}

// 32-bit words are kept in i64, whose products engines compute.
constexpr double kWord = 4294967295.0;
Tensor low_word(const Tensor& x) {
  return bitwise(x, full(kWord, {}, DType::i64), BitwiseKind::bit_and);
}
Tensor shifted_right(const Tensor& x, int bits) {
  const Tensor y =
      bitwise(cast(x, DType::u64), full(bits, {}, DType::u64), BitwiseKind::shift_right);
  return cast(y, DType::i64);
}
Tensor mixed(const Tensor& a, const Tensor& b) { return bitwise(a, b, BitwiseKind::bit_xor); }
Tensor scalar_at(const Tensor& x, int64_t i) { return reshape(narrow(x, 0, i, i + 1), {}); }

// Philox4x32-10 as in base/random.h, for all counters at once.
Tensors lower_uniform(const NodePtr& n, int64_t /*opset*/) {
  const Shape& shape = n->types[0].shape;
  const int64_t blocks = (shape.numel() + 3) / 4;
  const Tensor key = scalar_at(n->inputs[0], 0), stream = scalar_at(n->inputs[0], 1);
  Tensor k0 = low_word(key), k1 = shifted_right(key, 32);
  Tensor c0 = arange(blocks), c1 = zeros({blocks}, DType::i64);
  Tensor c2 = broadcast_to(low_word(stream), {blocks});
  Tensor c3 = broadcast_to(shifted_right(stream, 32), {blocks});
  for (int round = 0; round < 10; ++round) {
    const Tensor p0 = c0 * double{0xD2511F53}, p1 = c2 * double{0xCD9E8D57};
    c0 = mixed(mixed(shifted_right(p1, 32), c1), k0);
    c2 = mixed(mixed(shifted_right(p0, 32), c3), k1);
    c1 = low_word(p1);
    c3 = low_word(p0);
    k0 = low_word(k0 + double{0x9E3779B9});
    k1 = low_word(k1 + double{0xBB67AE85});
  }
  const Tensor words = reshape(stack({c0, c1, c2, c3}, 1), {4 * blocks});
  const Tensor upper = shifted_right(narrow(words, 0, 0, shape.numel()), 8);
  return {reshape(cast(upper, DType::f32) * 0x1p-24, shape)};
}

constexpr ExportRule kRules[] = {
    {.op = Op::bitwise, .lower = lower_bitwise, .emit = emit_bitwise},
    {.op = Op::bitcast, .emit = emit_bitcast},
    {.op = Op::random_uniform, .lower = lower_uniform},
};

}  // namespace

std::span<const ExportRule> export_bit_rules() { return kRules; }

}  // namespace suan::onnx
