// What the pooling kernels share: planes, windows, and vectors of f32 and bf16 elements. Included
// once per instruction set by Highway's foreach_target. SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_POOL_PLANE
#define SUAN_POOL_PLANE
#include <algorithm>
#include <cstdint>

#include "suan/backend/kernel.h"
#include "suan/base/threads.h"
#include "suan/ops/pool.h"
namespace suan::cpu {

// One image plane: `lanes` channels side by side. A line is a plane of one row. Windows take
// every dh-th row and every dw-th column.
struct Plane {
  int64_t h, w, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw;
};

inline Plane plane_of(const PoolAttrs& a, const Shape& x, const Shape& y) {
  const auto at = [&](const std::vector<int64_t>& list, size_t axis, int64_t otherwise) {
    if (x.rank() == 3) return axis == 0 ? otherwise : list[0];
    return list[axis];
  };
  const size_t last = x.rank() == 3 ? 0 : 1;
  return {.h = x.rank() == 3 ? 1 : x[2],
          .w = x.back(),
          .oh = x.rank() == 3 ? 1 : y[2],
          .ow = y.back(),
          .kh = at(a.kernel, 0, 1),
          .kw = at(a.kernel, 1, 1),
          .sh = at(a.stride, 0, 1),
          .sw = at(a.stride, 1, 1),
          .ph = at(a.pad_begin, 0, 0),
          .pw = at(a.pad_begin, 1, 0),
          .dh = x.rank() == 3 ? 1 : dilation_of(a, 0),
          .dw = dilation_of(a, last)};
}
inline bool is_dense(const Plane& p) { return p.dh == 1 && p.dw == 1; }

// The first of start, start + step, ... that is not before the image.
inline int64_t first_inside(int64_t start, int64_t step) {
  return start >= 0 ? start : start + (step - 1 - start) / step * step;
}

// Runs f(byte offset in x, byte offset in y) for each plane: 16 channels of an image, or one.
template <class F>
void for_each_plane(const Operand& x, const Plane& p, const F& f) {
  const int64_t lanes = x.layout == Layout::blocked16 ? 16 : 1;
  const int64_t size = lanes * static_cast<int64_t>(size_of(x.type.dtype));
  parallel_for(x.type.shape[0] * x.type.shape[1] / lanes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i * p.h * p.w * size, i * p.oh * p.ow * size);
  });
}

}  // namespace suan::cpu
#endif

#if defined(SUAN_POOL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SUAN_POOL_INL_H_
#undef SUAN_POOL_INL_H_
#else
#define SUAN_POOL_INL_H_
#endif

#include "suan/backend/cpu/element-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// Calls f(output position, rows and columns of the window inside the image) for every window: rows
// y0, y0 + dh, ... before y1. kDense: dh and dw are 1, which the loops then know.
template <bool kDense, class F>
HWY_INLINE void for_each_window(const Plane& p, const F& f) {
  const int64_t dh = kDense ? 1 : p.dh, dw = kDense ? 1 : p.dw;
  const int64_t rows = (p.kh - 1) * dh + 1, columns = (p.kw - 1) * dw + 1;
  for (int64_t oy = 0; oy < p.oh; ++oy) {
    const int64_t y0 = first_inside(oy * p.sh - p.ph, dh);
    const int64_t y1 = std::min(oy * p.sh - p.ph + rows, p.h);
    for (int64_t ox = 0; ox < p.ow; ++ox) {
      const int64_t x0 = first_inside(ox * p.sw - p.pw, dw);
      const int64_t x1 = std::min(ox * p.sw - p.pw + columns, p.w);
      f(static_cast<size_t>(oy * p.ow + ox), y0, y1, x0, x1);
    }
  }
}

using Blocked = hn::CappedTag<float, 16>;
using Plain = hn::CappedTag<float, 1>;

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
