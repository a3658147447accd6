// Fills, and Philox by whole vectors of counters: each 64-bit lane carries one counter's 32-bit
// words, because the round multiplies 32 by 32 bits into 64. Bit for bit suan::Random's numbers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/fill.h"

#include <algorithm>

#include "suan/base/random.h"
#include "suan/base/threads.h"
#include "suan/ops/leaf.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/fill.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D64 = hn::ScalableTag<uint64_t>;
using V64 = hn::Vec<D64>;

HWY_INLINE V64 product(V64 a, V64 b) {  // of the lower halves
  const hn::Repartition<uint32_t, D64> d32;
  return hn::MulEven(hn::BitCast(d32, a), hn::BitCast(d32, b));
}

// Two words of each lane's counter as floats in [0, 1), in one 64-bit lane.
HWY_INLINE V64 uniform_pair(V64 first, V64 second) {
  const D64 d;
  const hn::Repartition<int32_t, D64> d32;
  const hn::Repartition<float, D64> df;
  const V64 pair = hn::Or(first, hn::ShiftLeft<32>(second));
  const auto bits =
      hn::BitCast(d32, hn::ShiftRight<8>(hn::BitCast(hn::Repartition<uint32_t, D64>(), pair)));
  return hn::BitCast(d, hn::Mul(hn::ConvertTo(df, bits), hn::Set(df, 0x1p-24f)));
}

// Whole vectors of counters from `counter` on, four numbers each; gives how many counters are done.
size_t philox_uniform(uint64_t key, uint64_t stream, uint64_t counter, size_t counters, float* to) {
  const D64 d;
  const size_t lanes = hn::Lanes(d);
  const V64 low = hn::Set(d, 0xffffffffu);
  const V64 m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  const V64 s0 = hn::Set(d, stream & 0xffffffffu), s1 = hn::Set(d, stream >> 32);
  size_t done = 0;
  for (; done + lanes <= counters; done += lanes) {
    V64 c0 = hn::And(hn::Add(hn::Set(d, counter + done), hn::Iota(d, 0)), low);
    V64 c1 = hn::Zero(d), c2 = s0, c3 = s1;
    auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const V64 p0 = product(m0, c0), p1 = product(m1, c2);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, k0));
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, k1));
      c1 = hn::And(p1, low);
      c3 = hn::And(p0, low);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    hn::StoreInterleaved2(uniform_pair(c0, c1), uniform_pair(c2, c3), d,
                          reinterpret_cast<uint64_t*>(to + 4 * done));
  }
  return done;
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {

HWY_EXPORT(philox_uniform);

const char* full_why_not(const Node& node) {
  return node.types[0].shape.numel() == 0 ? "there is nothing to fill" : nullptr;
}

void full(const Node& node, const KernelArgs& args) {
  const double value = node.attr<FullAttrs>().value;
  const Operand& y = args.out[0];
  visit(y.type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T element;
    if constexpr (std::is_same_v<T, bool>) {
      element = value != 0;
    } else if constexpr (std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>) {
      element = T(static_cast<float>(value));
    } else {
      element = static_cast<T>(value);
    }
    parallel_for(y.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
      std::fill(y.as<T>() + begin, y.as<T>() + end, element);
    });
  });
}

void random_uniform(const Node&, const KernelArgs& args) {
  const auto key = static_cast<uint64_t>(args.in[0].as<int64_t>()[0]);
  const auto stream = static_cast<uint64_t>(args.in[0].as<int64_t>()[1]);
  const int64_t n = args.out[0].numel();
  auto* y = args.out[0].as<float>();
  parallel_for((n + 3) / 4, 1 << 11, [&](int64_t begin, int64_t end) {
    const int64_t whole = std::min(end, n / 4);
    int64_t c = begin;
    if (c < whole) {
      c += static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(philox_uniform)(
          key, stream, static_cast<uint64_t>(c), static_cast<size_t>(whole - c), y + 4 * c));
    }
    for (; c < end; ++c) {
      const auto block = philox4x32({static_cast<uint32_t>(c), 0, static_cast<uint32_t>(stream),
                                     static_cast<uint32_t>(stream >> 32)},
                                    {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
      for (int64_t i = 0; i < std::min<int64_t>(4, n - 4 * c); ++i) {
        y[4 * c + i] = to_uniform(block[static_cast<size_t>(i)]);
      }
    }
  });
}

}  // namespace suan::cpu
#endif
