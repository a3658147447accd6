// Link functions for every elementwise row. They tail-call one another with the block in eight
// vector registers, which is all that the calling convention passes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/chain.h"

#include <iterator>

#include "suan/ops/op.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/chain.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

#define SUAN_BLOCK Vec v0, Vec v1, Vec v2, Vec v3, Vec v4, Vec v5, Vec v6, Vec v7
#define SUAN_PASS v0, v1, v2, v3, v4, v5, v6, v7
using Step = void (*)(const Link* at, size_t offset, SUAN_BLOCK);
#define SUAN_NEXT(at) return reinterpret_cast<Step>((at)->run)((at), offset, SUAN_PASS)
// Applies `expression` of v (a vector) and i (its place in the block) to all eight.
#define SUAN_EACH(expression)                                                                \
  {                                                                                          \
    const auto each = [&](Vec v, [[maybe_unused]] size_t i) HWY_ATTR { return expression; }; \
    v0 = each(v0, 0), v1 = each(v1, 1), v2 = each(v2, 2), v3 = each(v3, 3);                  \
    v4 = each(v4, 4), v5 = each(v5, 5), v6 = each(v6, 6), v7 = each(v7, 7);                  \
  }

// An operand: one number, or the vectors of the block.
template <bool kScalar>
struct Side {
  HWY_INLINE Side(const float* p, size_t offset)
      : data(kScalar ? p : p + offset), fixed(hn::Set(D(), *p)) {}
  HWY_INLINE V at(size_t i) const {
    return kScalar ? V(fixed) : V(hn::LoadU(D(), data + i * hn::Lanes(D())));
  }
  const float* data;
  Vec fixed;
};

template <class Row>
void unary_link(const Link* at, size_t offset, SUAN_BLOCK) {
  SUAN_EACH(Row::run(V(v)).v)
  ++at;
  SUAN_NEXT(at);
}
template <class Row, bool kRight, bool kScalar>
void binary_link(const Link* at, size_t offset, SUAN_BLOCK) {
  const Side<kScalar> side(at->p, offset);
  SUAN_EACH((kRight ? Row::run(side.at(i), V(v)) : Row::run(V(v), side.at(i))).v)
  ++at;
  SUAN_NEXT(at);
}
template <int kPlace, bool kScalarP, bool kScalarQ>
void select_link(const Link* at, size_t offset, SUAN_BLOCK) {
  const Side<kScalarP> p(at->p, offset);
  const Side<kScalarQ> q(at->q, offset);
  if constexpr (kPlace == 0) {
    SUAN_EACH(select(V(v) != V(0.0), p.at(i), q.at(i)).v)
  } else if constexpr (kPlace == 1) {
    SUAN_EACH(select(p.at(i) != V(0.0), V(v), q.at(i)).v)
  } else {
    SUAN_EACH(select(p.at(i) != V(0.0), q.at(i), V(v)).v)
  }
  ++at;
  SUAN_NEXT(at);
}
template <bool kScalar>
void load_block(const Link* at, size_t offset, SUAN_BLOCK) {
  const Side<kScalar> side(at->p, offset);
  SUAN_EACH((static_cast<void>(v), side.at(i).v))
  ++at;
  SUAN_NEXT(at);
}
HWY_INLINE void store_block(float* to, SUAN_BLOCK) {
  const D d;
  const size_t n = hn::Lanes(d);
  hn::StoreU(v0, d, to), hn::StoreU(v1, d, to + n), hn::StoreU(v2, d, to + 2 * n);
  hn::StoreU(v3, d, to + 3 * n), hn::StoreU(v4, d, to + 4 * n), hn::StoreU(v5, d, to + 5 * n);
  hn::StoreU(v6, d, to + 6 * n), hn::StoreU(v7, d, to + 7 * n);
}
void store_and_go_on(const Link* at, size_t offset, SUAN_BLOCK) {
  store_block(const_cast<float*>(at->p) + offset, SUAN_PASS);
  ++at;
  SUAN_NEXT(at);
}
void store_and_end(const Link* at, size_t offset, SUAN_BLOCK) {
  store_block(const_cast<float*>(at->p) + offset, SUAN_PASS);
}
void stream_and_end(const Link* at, size_t offset, SUAN_BLOCK) {
  const D d;
  const size_t n = hn::Lanes(d);
  float* to = const_cast<float*>(at->p) + offset;
  hn::Stream(v0, d, to), hn::Stream(v1, d, to + n), hn::Stream(v2, d, to + 2 * n);
  hn::Stream(v3, d, to + 3 * n), hn::Stream(v4, d, to + 4 * n), hn::Stream(v5, d, to + 5 * n);
  hn::Stream(v6, d, to + 6 * n), hn::Stream(v7, d, to + 7 * n);
}

void run_blocks(const Link* chain, size_t from, size_t to) {
  const D d;
  const Vec zero = hn::Zero(d);
  const auto first = reinterpret_cast<Step>(chain->run);
  for (size_t offset = from; offset < to; offset += 8 * hn::Lanes(d)) {
    first(chain, offset, zero, zero, zero, zero, zero, zero, zero, zero);
  }
}
size_t block_size() { return 8 * hn::Lanes(D()); }

#define UNARY(NAME, RESULT, FORWARD, GRADIENT, DOC) \
  struct NAME##_link {                              \
    static HWY_INLINE V run(V x) {                  \
      using T [[maybe_unused]] = V;                 \
      return as_value(FORWARD);                     \
    }                                               \
  };
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(NAME, RESULT, FORWARD, GRADIENT_A, GRADIENT_B, DOC) \
  struct NAME##_link {                                             \
    static HWY_INLINE V run(V a, V b) {                            \
      using T [[maybe_unused]] = V;                                \
      return as_value(FORWARD);                                    \
    }                                                              \
  };
#include "suan/ops/binary.table"
#undef BINARY

void fill_links(LinkFunction (*table)[6][4], LinkFunction* ends) {
  const auto set = [&](Op op, Along along, unsigned scalars, Step step) {
    table[static_cast<size_t>(op)][static_cast<size_t>(along)][scalars] =
        reinterpret_cast<LinkFunction>(step);
  };
#define UNARY(NAME, ...) set(Op::NAME, Along::only, 0, unary_link<NAME##_link>);
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(NAME, ...)                                                \
  set(Op::NAME, Along::left, 0, binary_link<NAME##_link, false, false>); \
  set(Op::NAME, Along::left, 1, binary_link<NAME##_link, false, true>);  \
  set(Op::NAME, Along::right, 0, binary_link<NAME##_link, true, false>); \
  set(Op::NAME, Along::right, 1, binary_link<NAME##_link, true, true>);
#include "suan/ops/binary.table"
#undef BINARY
  set(Op::select, Along::condition, 0, select_link<0, false, false>);
  set(Op::select, Along::condition, 1, select_link<0, true, false>);
  set(Op::select, Along::condition, 2, select_link<0, false, true>);
  set(Op::select, Along::condition, 3, select_link<0, true, true>);
  set(Op::select, Along::then_value, 0, select_link<1, false, false>);
  set(Op::select, Along::then_value, 2, select_link<1, false, true>);
  set(Op::select, Along::else_value, 0, select_link<2, false, false>);
  set(Op::select, Along::else_value, 2, select_link<2, false, true>);
  const Step steps[] = {load_block<false>, load_block<true>, store_and_go_on, store_and_end,
                        stream_and_end};
  for (size_t i = 0; i < std::size(steps); ++i) ends[i] = reinterpret_cast<LinkFunction>(steps[i]);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(fill_links);
HWY_EXPORT(run_blocks);
HWY_EXPORT(block_size);

constexpr size_t kOps = 0
#define OP(name) +1
#include "suan/ops/op_list.inc"
#undef OP
    ;
struct LinkTable {
  LinkFunction rows[kOps][6][4] = {};
  LinkFunction ends[5] = {};
  LinkTable() { HWY_DYNAMIC_DISPATCH(fill_links)(rows, ends); }
};
const LinkTable& link_table() {
  static const LinkTable table;
  return table;
}

}  // namespace

LinkFunction find_link(Op op, Along along, unsigned scalars) {
  return link_table().rows[static_cast<size_t>(op)][static_cast<size_t>(along)][scalars];
}
LinkFunction load_link(bool scalar) { return link_table().ends[scalar ? 1 : 0]; }
LinkFunction store_link() { return link_table().ends[2]; }
LinkFunction end_link() { return link_table().ends[3]; }
LinkFunction end_stream_link() { return link_table().ends[4]; }
size_t chain_block() { return HWY_DYNAMIC_DISPATCH(block_size)(); }
void run_chain(const Link* chain, size_t from, size_t to) {
  HWY_DYNAMIC_DISPATCH(run_blocks)(chain, from, to);
}

}  // namespace suan::cpu
#endif
