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

// The largest element of the window at (oy, ox) for each lane, and where it is first found.
template <int kLanes>
HWY_INLINE void window(const float* x, const Plane& p, int64_t oy, int64_t ox, float* best,
                       int32_t* where) {
  const int64_t y0 = oy * p.sh - p.ph, x0 = ox * p.sw - p.pw;
  const int64_t y1 = std::min(y0 + p.kh, p.h), x1 = std::min(x0 + p.kw, p.w);
  bool first = true;
  for (int64_t y = std::max<int64_t>(y0, 0); y < y1; ++y) {
    for (int64_t c = std::max<int64_t>(x0, 0); c < x1; ++c) {
      const auto at = static_cast<int32_t>(y * p.w + c);
      const float* v = x + static_cast<int64_t>(at) * kLanes;
      if (first) {
        for (int l = 0; l < kLanes; ++l) best[l] = v[l], where[l] = at;
        first = false;
        continue;
      }
      for (int l = 0; l < kLanes; ++l) {
        const bool take = v[l] > best[l] || (v[l] != v[l] && best[l] == best[l]);
        best[l] = take ? v[l] : best[l];
        where[l] = take ? at : where[l];
      }
    }
  }
}

template <int kLanes>
void pool_plane(const float* x, float* y, const Plane& p) {
  float best[kLanes] = {};
  int32_t where[kLanes] = {};
  for (int64_t oy = 0; oy < p.oh; ++oy) {
    for (int64_t ox = 0; ox < p.ow; ++ox) {
      window<kLanes>(x, p, oy, ox, best, where);
      std::memcpy(y + (oy * p.ow + ox) * kLanes, best, sizeof best);
    }
  }
}
template <int kLanes>
void gradient_plane(const float* x, const float* g, float* to, const Plane& p) {
  float best[kLanes] = {};
  int32_t where[kLanes] = {};
  std::memset(to, 0, static_cast<size_t>(p.h * p.w * kLanes) * sizeof(float));
  for (int64_t oy = 0; oy < p.oh; ++oy) {
    for (int64_t ox = 0; ox < p.ow; ++ox) {
      window<kLanes>(x, p, oy, ox, best, where);
      const float* from = g + (oy * p.ow + ox) * kLanes;
      for (int l = 0; l < kLanes; ++l) to[static_cast<int64_t>(where[l]) * kLanes + l] += from[l];
    }
  }
}

void pool_blocked(const float* x, float* y, const Plane& p) { pool_plane<16>(x, y, p); }
void pool_plain(const float* x, float* y, const Plane& p) { pool_plane<1>(x, y, p); }
void gradient_blocked(const float* x, const float* g, float* to, const Plane& p) {
  gradient_plane<16>(x, g, to, p);
}
void gradient_plain(const float* x, const float* g, float* to, const Plane& p) {
  gradient_plane<1>(x, g, to, p);
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
