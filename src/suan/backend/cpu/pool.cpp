// Max pooling of 2-D windows in f32. In blocked layout the innermost 16 channels are one vector, in
// plain layout the loop runs over single elements; the gradient finds each window's first largest
// element again. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/pool.h"

#include <algorithm>
#include <cstring>

#include "suan/base/threads.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/pool.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef SUAN_POOL_PLANE
#define SUAN_POOL_PLANE
namespace suan::cpu {
// One image plane: `lanes` channels side by side.
struct Plane {
  int64_t h, w, oh, ow, kh, kw, sh, sw, ph, pw;
};
}  // namespace suan::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <int kLanes>
void pool_plane(const float* x, float* y, const Plane& p) {
  for (int64_t oy = 0; oy < p.oh; ++oy) {
    const int64_t y0 = std::max<int64_t>(oy * p.sh - p.ph, 0);
    const int64_t y1 = std::min(oy * p.sh - p.ph + p.kh, p.h);
    for (int64_t ox = 0; ox < p.ow; ++ox) {
      const int64_t x0 = std::max<int64_t>(ox * p.sw - p.pw, 0);
      const int64_t x1 = std::min(ox * p.sw - p.pw + p.kw, p.w);
      float best[kLanes];
      std::memcpy(best, x + (y0 * p.w + x0) * kLanes, sizeof best);
      for (int64_t r = y0; r < y1; ++r) {
        for (int64_t c = x0; c < x1; ++c) {
          const float* v = x + (r * p.w + c) * kLanes;
          for (int l = 0; l < kLanes; ++l)
            best[l] = v[l] > best[l] || v[l] != v[l] ? v[l] : best[l];
        }
      }
      std::memcpy(y + (oy * p.ow + ox) * kLanes, best, sizeof best);
    }
  }
}

// Finds each window's first largest element again, then adds the gradient there: in lanes of D.
template <class D>
void gradient_plane(D d, size_t all_lanes, const float* x, const float* g, float* to,
                    const Plane& p) {
  const hn::RebindToSigned<D> di;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  std::memset(to, 0, static_cast<size_t>(p.h * p.w) * all_lanes * sizeof(float));
  for (int64_t oy = 0; oy < p.oh; ++oy) {
    const int64_t y0 = std::max<int64_t>(oy * p.sh - p.ph, 0);
    const int64_t y1 = std::min(oy * p.sh - p.ph + p.kh, p.h);
    for (int64_t ox = 0; ox < p.ow; ++ox) {
      const int64_t x0 = std::max<int64_t>(ox * p.sw - p.pw, 0);
      const int64_t x1 = std::min(ox * p.sw - p.pw + p.kw, p.w);
      for (size_t l = 0; l < all_lanes; l += lanes) {
        const auto cell = [&](int64_t r, int64_t c) {
          return static_cast<size_t>(r * p.w + c) * all_lanes + l;
        };
        auto best = hn::LoadU(d, x + cell(y0, x0));
        auto where = hn::Set(di, static_cast<int32_t>(y0 * p.w + x0));
        for (int64_t r = y0; r < y1; ++r) {
          for (int64_t c = x0; c < x1; ++c) {
            const auto v = hn::LoadU(d, x + cell(r, c));
            const auto nan =
                hn::And(hn::VecFromMask(d, hn::Ne(v, v)), hn::VecFromMask(d, hn::Eq(best, best)));
            const auto take = hn::MaskFromVec(hn::Or(hn::VecFromMask(d, hn::Gt(v, best)), nan));
            best = hn::IfThenElse(take, v, best);
            where = hn::IfThenElse(hn::RebindMask(di, take),
                                   hn::Set(di, static_cast<int32_t>(r * p.w + c)), where);
          }
        }
        const auto from = hn::LoadU(d, g + static_cast<size_t>(oy * p.ow + ox) * all_lanes + l);
        for (int64_t r = y0; r < y1; ++r) {
          for (int64_t c = x0; c < x1; ++c) {
            const auto at = hn::Set(di, static_cast<int32_t>(r * p.w + c));
            const auto here = hn::RebindMask(d, hn::Eq(where, at));
            float* sum = to + cell(r, c);
            hn::StoreU(hn::Add(hn::LoadU(d, sum), hn::IfThenElse(here, from, zero)), d, sum);
          }
        }
      }
    }
  }
}

void pool_blocked(const float* x, float* y, const Plane& p) { pool_plane<16>(x, y, p); }
void pool_plain(const float* x, float* y, const Plane& p) { pool_plane<1>(x, y, p); }
void gradient_blocked(const float* x, const float* g, float* to, const Plane& p) {
  gradient_plane(hn::CappedTag<float, 16>(), 16, x, g, to, p);
}
void gradient_plain(const float* x, const float* g, float* to, const Plane& p) {
  gradient_plane(hn::CappedTag<float, 1>(), 1, x, g, to, p);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(pool_blocked);
HWY_EXPORT(pool_plain);
HWY_EXPORT(gradient_blocked);
HWY_EXPORT(gradient_plain);

Plane plane_of(const PoolAttrs& a, const Shape& x, const Shape& y) {
  return {x[2],        x[3],        y[2],        y[3],           a.kernel[0],
          a.kernel[1], a.stride[0], a.stride[1], a.pad_begin[0], a.pad_begin[1]};
}

}  // namespace

const char* max_pool_why_not(const Node& node) {
  const Tensor& x = node.inputs[0];
  if (x.dtype() != DType::f32) return "the dtype is not f32";
  if (x.rank() != 4) return "it is not 2-D pooling";
  if (layout_of(x) == Layout::channels_last) return "channels_last data";
  if (node.layout(0) != layout_of(x)) return "input and output differ in layout";
  if (node.inputs.size() > 1 && layout_of(node.inputs[1]) != layout_of(x)) {
    return "input and gradient differ in layout";
  }
  return nullptr;
}

void max_pool(const Node& node, const KernelArgs& args) {
  const Plane p = plane_of(node.attr<PoolAttrs>(), args.in[0].type.shape, args.out[0].type.shape);
  const bool is_blocked = args.in[0].layout == Layout::blocked16;
  const int64_t lanes = is_blocked ? 16 : 1;
  const int64_t planes = args.in[0].type.shape[0] * args.in[0].type.shape[1] / lanes;
  const auto run =
      is_blocked ? HWY_DYNAMIC_DISPATCH(pool_blocked) : HWY_DYNAMIC_DISPATCH(pool_plain);
  parallel_for(planes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      run(args.in[0].as<float>() + i * p.h * p.w * lanes,
          args.out[0].as<float>() + i * p.oh * p.ow * lanes, p);
    }
  });
}

void max_pool_gradient(const Node& node, const KernelArgs& args) {
  const Plane p = plane_of(node.attr<PoolAttrs>(), args.in[0].type.shape, args.in[1].type.shape);
  const bool is_blocked = args.in[0].layout == Layout::blocked16;
  const int64_t lanes = is_blocked ? 16 : 1;
  const int64_t planes = args.in[0].type.shape[0] * args.in[0].type.shape[1] / lanes;
  const auto run =
      is_blocked ? HWY_DYNAMIC_DISPATCH(gradient_blocked) : HWY_DYNAMIC_DISPATCH(gradient_plain);
  parallel_for(planes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      run(args.in[0].as<float>() + i * p.h * p.w * lanes,
          args.in[1].as<float>() + i * p.oh * p.ow * lanes,
          args.out[0].as<float>() + i * p.h * p.w * lanes, p);
    }
  });
}

}  // namespace suan::cpu
#endif
