// Tile functions for every elementwise row, compiled once per instruction set.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/tile.h"

#include <bit>

#include "suan/ops/op.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/tile.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// Runs f over whole vectors, then over the rest with masked loads. Operand k is loaded once, ahead
// of the loop, where bit k of kScalars says that it is one number.
template <int kArity, unsigned kScalars, class F>
HWY_INLINE void run_tile(const float* a, const float* b, const float* c, float* y, size_t n, F f) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const float* in[3] = {a, b, c};
  V fixed[3];
  for (int k = 0; k < kArity; ++k) {
    if (kScalars >> k & 1) fixed[k] = V(hn::Set(d, *in[k]));
  }
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V v[3];
    for (int k = 0; k < kArity; ++k) {
      v[k] = kScalars >> k & 1 ? fixed[k] : V(hn::LoadU(d, in[k] + i));
    }
    hn::StoreU(f(v).v, d, y + i);
  }
  if (i == n) return;
  V v[3];
  for (int k = 0; k < kArity; ++k) {
    v[k] = kScalars >> k & 1 ? fixed[k] : V(load_part(in[k] + i, n - i));
  }
  store_part(f(v).v, y + i, n - i);
}

#define UNARY(NAME, RESULT, FORWARD, GRADIENT, DOC)                                      \
  void NAME##_tile(const float* a, const float* b, const float* c, float* y, size_t n) { \
    using T = V;                                                                         \
    run_tile<1, 0>(a, b, c, y, n, [](const V* in) HWY_ATTR {                             \
      const T x = in[0];                                                                 \
      return as_value(FORWARD);                                                          \
    });                                                                                  \
  }
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(NAME, RESULT, FORWARD, GRADIENT_A, GRADIENT_B, DOC)                       \
  template <unsigned kScalars>                                                           \
  void NAME##_tile(const float* p, const float* q, const float* c, float* y, size_t n) { \
    using T [[maybe_unused]] = V;                                                        \
    run_tile<2, kScalars>(p, q, c, y, n, [](const V* in) HWY_ATTR {                      \
      const T a = in[0], b = in[1];                                                      \
      return as_value(FORWARD);                                                          \
    });                                                                                  \
  }
#include "suan/ops/binary.table"
#undef BINARY
template <unsigned kScalars>
void select_tile(const float* p, const float* q, const float* c, float* y, size_t n) {
  run_tile<3, kScalars>(p, q, c, y, n,
                        [](const V* in) HWY_ATTR { return select(in[0] != V(0.0), in[1], in[2]); });
}

void fill_tile_table(TileFunction (*table)[8]) {
  const auto set = [&](Op op, unsigned scalars, TileFunction f) {
    table[static_cast<size_t>(op)][scalars] = f;
  };
#define UNARY(NAME, ...) set(Op::NAME, 0, NAME##_tile);
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(NAME, ...)           \
  set(Op::NAME, 0, NAME##_tile<0>); \
  set(Op::NAME, 1, NAME##_tile<1>); \
  set(Op::NAME, 2, NAME##_tile<2>);
#include "suan/ops/binary.table"
#undef BINARY
  set(Op::select, 0, select_tile<0>);
  set(Op::select, 2, select_tile<2>);
  set(Op::select, 4, select_tile<4>);
  set(Op::select, 6, select_tile<6>);
}

// bf16 <-> f32 by shifts of the bits; NaN stays NaN because its quiet bit is in the kept half.
void load_bf16(const void* from, float* to, size_t n) {
  const auto* p = static_cast<const uint16_t*>(from);
  for (size_t i = 0; i < n; ++i) to[i] = std::bit_cast<float>(static_cast<uint32_t>(p[i]) << 16);
}
void store_bf16(const float* from, void* to, size_t n) {
  auto* p = static_cast<uint16_t*>(to);
  for (size_t i = 0; i < n; ++i) {
    const auto u = std::bit_cast<uint32_t>(from[i]);
    const uint32_t nearest = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    p[i] = static_cast<uint16_t>((u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 0x40 : nearest);
  }
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(fill_tile_table);
HWY_EXPORT(load_bf16);
HWY_EXPORT(store_bf16);

constexpr size_t kOps = 0
#define OP(name) +1
#include "suan/ops/op_list.inc"
#undef OP
    ;
struct TileTable {
  TileFunction functions[kOps][8] = {};
  TileTable() { HWY_DYNAMIC_DISPATCH(fill_tile_table)(functions); }
};

template <class T>
void load_as(const void* from, float* to, size_t n) {
  for (size_t i = 0; i < n; ++i) to[i] = static_cast<float>(static_cast<const T*>(from)[i]);
}
template <class T>
void store_as(const float* from, void* to, size_t n) {
  for (size_t i = 0; i < n; ++i) static_cast<T*>(to)[i] = static_cast<T>(from[i]);
}
void store_bool(const float* from, void* to, size_t n) {
  for (size_t i = 0; i < n; ++i) static_cast<uint8_t*>(to)[i] = from[i] != 0;
}

}  // namespace

TileFunction find_tile_function(Op op, unsigned scalars) {
  static const TileTable table;
  return table.functions[static_cast<size_t>(op)][scalars];
}

LoadFunction find_load_function(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return load_as<float>;
    case DType::bf16:
      return HWY_DYNAMIC_DISPATCH(load_bf16);
    case DType::f16:
      return load_as<float16>;
    case DType::i8:
      return load_as<int8_t>;
    case DType::u8:
    case DType::boolean:
      return load_as<uint8_t>;
    default:
      return nullptr;
  }
}
StoreFunction find_store_function(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return HWY_DYNAMIC_DISPATCH(store_bf16);
    case DType::f16:
      return store_as<float16>;
    case DType::boolean:
      return store_bool;
    default:
      return nullptr;
  }
}

}  // namespace suan::cpu
#endif
