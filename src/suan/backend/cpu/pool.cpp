// Max pooling of windows along one or two axes. In blocked layout the innermost 16 channels are one
// vector, in plain layout the loop runs over single elements; the gradient finds each window's
// first largest element again. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/pool.h"

#include <algorithm>
#include <cstring>

#include "suan/ops/op.h"
#include "suan/ops/pool.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/pool.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/pool-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// b where it is larger than a or the first NaN, as a mask.
template <class V>
HWY_INLINE auto beats(V a, V b) {
  const hn::DFromV<V> d;
  const auto nan = hn::And(hn::VecFromMask(d, hn::Ne(b, b)), hn::VecFromMask(d, hn::Eq(a, a)));
  return hn::MaskFromVec(hn::Or(hn::VecFromMask(d, hn::Gt(b, a)), nan));
}

template <bool kDense, class T, class D>
void pool_plane(D d, size_t all_lanes, const void* from, void* to, const Plane& p) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  for_each_window<kDense>(p,
                          [&](size_t out, int64_t y0, int64_t y1, int64_t x0, int64_t x1) HWY_ATTR {
                            for (size_t l = 0; l < all_lanes; l += hn::Lanes(d)) {
                              const auto at = [&](int64_t r, int64_t c) {
                                return x + static_cast<size_t>(r * p.w + c) * all_lanes + l;
                              };
                              auto best = load(d, at(y0, x0));
                              for (int64_t r = y0; r < y1; r += kDense ? 1 : p.dh) {
                                for (int64_t c = x0; c < x1; c += kDense ? 1 : p.dw) {
                                  const auto v = load(d, at(r, c));
                                  best = hn::IfThenElse(beats(best, v), v, best);
                                }
                              }
                              store(best, d, y + out * all_lanes + l);
                            }
                          });
}

// Finds each window's first largest element again, and adds the gradient there.
template <bool kDense, class T, class D>
void gradient_plane(D d, size_t all_lanes, const void* data, const void* gradient, void* result,
                    const Plane& p) {
  const hn::RebindToSigned<D> di;
  const T* x = static_cast<const T*>(data);
  const T* g = static_cast<const T*>(gradient);
  T* to = static_cast<T*>(result);
  std::memset(result, 0, static_cast<size_t>(p.h * p.w) * all_lanes * sizeof(T));
  for_each_window<kDense>(
      p, [&](size_t out, int64_t y0, int64_t y1, int64_t x0, int64_t x1) HWY_ATTR {
        for (size_t l = 0; l < all_lanes; l += hn::Lanes(d)) {
          const auto cell = [&](int64_t r, int64_t c) {
            return static_cast<size_t>(r * p.w + c) * all_lanes + l;
          };
          auto best = load(d, x + cell(y0, x0));
          auto where = hn::Set(di, static_cast<int32_t>(y0 * p.w + x0));
          for (int64_t r = y0; r < y1; r += kDense ? 1 : p.dh) {
            for (int64_t c = x0; c < x1; c += kDense ? 1 : p.dw) {
              const auto v = load(d, x + cell(r, c));
              const auto take = beats(best, v);
              best = hn::IfThenElse(take, v, best);
              where = hn::IfThenElse(hn::RebindMask(di, take),
                                     hn::Set(di, static_cast<int32_t>(r * p.w + c)), where);
            }
          }
          const auto from = load(d, g + out * all_lanes + l);
          for (int64_t r = y0; r < y1; r += kDense ? 1 : p.dh) {
            for (int64_t c = x0; c < x1; c += kDense ? 1 : p.dw) {
              const auto at = hn::Set(di, static_cast<int32_t>(r * p.w + c));
              const auto here = hn::RebindMask(d, hn::Eq(where, at));
              T* sum = to + cell(r, c);
              store(hn::Add(load(d, sum), hn::IfThenElseZero(here, from)), d, sum);
            }
          }
        }
      });
}

template <bool kDense>
void pool_any(bool blocked, bool low, const void* x, void* y, const Plane& p) {
  if (blocked && low) return pool_plane<kDense, bfloat16>(Blocked(), 16, x, y, p);
  if (blocked) return pool_plane<kDense, float>(Blocked(), 16, x, y, p);
  if (low) return pool_plane<kDense, bfloat16>(Plain(), 1, x, y, p);
  pool_plane<kDense, float>(Plain(), 1, x, y, p);
}
template <bool kDense>
void gradient_any(bool blocked, bool low, const void* x, const void* g, void* to, const Plane& p) {
  if (blocked && low) return gradient_plane<kDense, bfloat16>(Blocked(), 16, x, g, to, p);
  if (blocked) return gradient_plane<kDense, float>(Blocked(), 16, x, g, to, p);
  if (low) return gradient_plane<kDense, bfloat16>(Plain(), 1, x, g, to, p);
  gradient_plane<kDense, float>(Plain(), 1, x, g, to, p);
}

void pool_run(bool blocked, bool low, const void* x, void* y, const Plane& p) {
  is_dense(p) ? pool_any<true>(blocked, low, x, y, p) : pool_any<false>(blocked, low, x, y, p);
}
void gradient_run(bool blocked, bool low, const void* x, const void* g, void* to, const Plane& p) {
  is_dense(p) ? gradient_any<true>(blocked, low, x, g, to, p)
              : gradient_any<false>(blocked, low, x, g, to, p);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(pool_run);
HWY_EXPORT(gradient_run);

}  // namespace

const char* max_pool_why_not(const Node& node) {
  const Tensor& x = node.inputs[0];
  if (x.dtype() != DType::f32 && x.dtype() != DType::bf16) return "the dtype is not f32 or bf16";
  if (x.rank() > 4) return "it is not 1-D or 2-D pooling";
  if (layout_of(x) == Layout::channels_last) return "channels_last data";
  if (node.layout(0) != layout_of(x)) return "input and output differ in layout";
  if (node.inputs.size() > 1 && layout_of(node.inputs[1]) != layout_of(x)) {
    return "input and gradient differ in layout";
  }
  return nullptr;
}

void max_pool(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  const Plane p = plane_of(node.attr<PoolAttrs>(), x.type.shape, y.type.shape);
  for_each_plane(x, p, [&](int64_t at, int64_t out) {
    HWY_DYNAMIC_DISPATCH(pool_run)
    (x.layout == Layout::blocked16, x.type.dtype == DType::bf16, x.as<char>() + at,
     y.as<char>() + out, p);
  });
}

void max_pool_gradient(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &g = args.in[1];
  const Plane p = plane_of(node.attr<PoolAttrs>(), x.type.shape, g.type.shape);
  for_each_plane(x, p, [&](int64_t at, int64_t out) {
    HWY_DYNAMIC_DISPATCH(gradient_run)
    (x.layout == Layout::blocked16, x.type.dtype == DType::bf16, x.as<char>() + at,
     g.as<char>() + out, args.out[0].as<char>() + at, p);
  });
}

}  // namespace suan::cpu
#endif
