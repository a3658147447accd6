// Loading and storing vectors of floats from and to elements of f32 or bf16. Included once per
// instruction set by Highway's foreach_target. SPDX-License-Identifier: Apache-2.0
#if defined(SUAN_ELEMENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SUAN_ELEMENT_INL_H_
#undef SUAN_ELEMENT_INL_H_
#else
#define SUAN_ELEMENT_INL_H_
#endif

#include "hwy/highway.h"
#include "suan/base/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* p) {
  return hn::LoadU(d, p);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const bfloat16* p) {
  const hn::Rebind<uint16_t, D> half;
  const hn::Rebind<uint32_t, D> whole;
  const auto bits = hn::LoadU(half, reinterpret_cast<const uint16_t*>(p));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(whole, bits)));
}
template <class D>
HWY_INLINE void store(hn::Vec<D> v, D d, float* p) {
  hn::StoreU(v, d, p);
}
// Rounds to nearest even.
template <class D>
HWY_INLINE void store(hn::Vec<D> v, D, bfloat16* p) {
  const hn::Rebind<uint16_t, D> half;
  const hn::Rebind<uint32_t, D> whole;
  const auto bits = hn::BitCast(whole, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(whole, 1));
  const auto up = hn::Add(hn::Add(bits, odd), hn::Set(whole, 0x7fff));
  const auto top = hn::BitCast(hn::Rebind<int32_t, D>(), hn::ShiftRight<16>(up));
  hn::StoreU(hn::DemoteTo(half, top), half, reinterpret_cast<uint16_t*>(p));
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
