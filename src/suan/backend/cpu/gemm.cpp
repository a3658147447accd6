// For f32, by Highway; for bf16, whose dot products Highway 1.0.3 has not, see gemm_bf16.cpp.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/gemm.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

#undef SUAN_GEMM_NAMESPACE
#define SUAN_GEMM_NAMESPACE HWY_NAMESPACE
HWY_BEFORE_NAMESPACE();
#include "suan/backend/cpu/gemm-inl.h"
namespace suan::cpu::HWY_NAMESPACE {

struct Floats {
  using Vector = Vec;
  using Number = float;
  static constexpr size_t kDepth = 1;
  static constexpr size_t kWide = hn::MaxLanes(D()) == 16 ? 4 : 2;
  static size_t lanes() { return hn::Lanes(D()); }
  static HWY_INLINE Vec zero() { return hn::Zero(D()); }
  static HWY_INLINE Vec load(const float* p) { return hn::Load(D(), p); }
  static HWY_INLINE void store(Vec v, float* p) { hn::Store(v, D(), p); }
  static HWY_INLINE Vec spread(const float* a) { return hn::Set(D(), *a); }
  static HWY_INLINE Vec load_numbers(const float* p) { return hn::LoadU(D(), p); }
  static HWY_INLINE void store_numbers(Vec v, float* p) { hn::StoreU(v, D(), p); }
  static HWY_INLINE Vec add(Vec a, Vec b) { return hn::Add(a, b); }
  static HWY_INLINE Vec relu(Vec v) { return maximum(V(v), V(0.0)).v; }
  static HWY_INLINE Vec multiply_add(Vec x, Vec v, Vec sum) { return hn::MulAdd(x, v, sum); }
};
void gemm_floats(const GemmBlock& g) { run_block<Floats>(g); }

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {

HWY_EXPORT(gemm_floats);
void gemm_block(const GemmBlock& block) { HWY_DYNAMIC_DISPATCH(gemm_floats)(block); }

}  // namespace suan::cpu
#endif
