// Average pooling of windows along one or two axes. In blocked layout the innermost 16 channels are
// one vector, in plain layout the loop runs over single elements.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "suan/backend/cpu/pool.h"
#include "suan/ops/op.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/avg_pool.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/pool-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// 1 / how many elements the mean of this window is over.
template <bool kDense>
HWY_INLINE float share_of(const Plane& p, bool count_padding, int64_t y0, int64_t y1, int64_t x0,
                          int64_t x1) {
  int64_t rows = y1 - y0, columns = x1 - x0;
  if (!kDense) rows = (rows - 1) / p.dh + 1;
  if (!kDense) columns = (columns - 1) / p.dw + 1;
  return 1.0f / static_cast<float>(count_padding ? p.kh * p.kw : rows * columns);
}

template <bool kDense, class T, class D>
void average_plane(D d, size_t all_lanes, const void* from, void* to, const Plane& p,
                   bool count_padding) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  for_each_window<kDense>(
      p, [&](size_t out, int64_t y0, int64_t y1, int64_t x0, int64_t x1) HWY_ATTR {
        const auto share = hn::Set(d, share_of<kDense>(p, count_padding, y0, y1, x0, x1));
        for (size_t l = 0; l < all_lanes; l += hn::Lanes(d)) {
          auto total = hn::Zero(d);
          for (int64_t r = y0; r < y1; r += kDense ? 1 : p.dh) {
            const T* row = x + static_cast<size_t>(r * p.w) * all_lanes + l;
            for (int64_t c = x0; c < x1; c += kDense ? 1 : p.dw) {
              total = hn::Add(total, load(d, row + static_cast<size_t>(c) * all_lanes));
            }
          }
          store(hn::Mul(total, share), d, y + out * all_lanes + l);
        }
      });
}

// Sums in f32: into the result itself, or for bf16 into `sums`, rounded once at the end.
template <bool kDense, class T, class D>
void spread_plane(D d, size_t all_lanes, const void* gradient, void* result, float* sums,
                  const Plane& p, bool count_padding) {
  const T* g = static_cast<const T*>(gradient);
  const size_t all = static_cast<size_t>(p.h * p.w) * all_lanes;
  std::memset(sums, 0, all * sizeof(float));
  for_each_window<kDense>(
      p, [&](size_t out, int64_t y0, int64_t y1, int64_t x0, int64_t x1) HWY_ATTR {
        const auto share = hn::Set(d, share_of<kDense>(p, count_padding, y0, y1, x0, x1));
        for (size_t l = 0; l < all_lanes; l += hn::Lanes(d)) {
          const auto part = hn::Mul(load(d, g + out * all_lanes + l), share);
          for (int64_t r = y0; r < y1; r += kDense ? 1 : p.dh) {
            float* row = sums + static_cast<size_t>(r * p.w) * all_lanes + l;
            for (int64_t c = x0; c < x1; c += kDense ? 1 : p.dw) {
              float* sum = row + static_cast<size_t>(c) * all_lanes;
              hn::StoreU(hn::Add(hn::LoadU(d, sum), part), d, sum);
            }
          }
        }
      });
  if (static_cast<void*>(sums) == result) return;
  for (size_t i = 0; i < all; i += hn::Lanes(d)) {
    store(hn::LoadU(d, sums + i), d, static_cast<T*>(result) + i);
  }
}

template <bool kDense>
void average_any(bool blocked, bool low, const void* x, void* y, const Plane& p, bool padding) {
  if (blocked && low) return average_plane<kDense, bfloat16>(Blocked(), 16, x, y, p, padding);
  if (blocked) return average_plane<kDense, float>(Blocked(), 16, x, y, p, padding);
  if (low) return average_plane<kDense, bfloat16>(Plain(), 1, x, y, p, padding);
  average_plane<kDense, float>(Plain(), 1, x, y, p, padding);
}
template <bool kDense>
void spread_any(bool blocked, bool low, const void* g, void* to, float* sums, const Plane& p,
                bool padding) {
  if (blocked && low) return spread_plane<kDense, bfloat16>(Blocked(), 16, g, to, sums, p, padding);
  if (blocked) return spread_plane<kDense, float>(Blocked(), 16, g, to, sums, p, padding);
  if (low) return spread_plane<kDense, bfloat16>(Plain(), 1, g, to, sums, p, padding);
  spread_plane<kDense, float>(Plain(), 1, g, to, sums, p, padding);
}

void average_run(bool blocked, bool low, const void* x, void* y, const Plane& p, bool padding) {
  is_dense(p) ? average_any<true>(blocked, low, x, y, p, padding)
              : average_any<false>(blocked, low, x, y, p, padding);
}
void spread_run(bool blocked, bool low, const void* g, void* to, float* sums, const Plane& p,
                bool padding) {
  is_dense(p) ? spread_any<true>(blocked, low, g, to, sums, p, padding)
              : spread_any<false>(blocked, low, g, to, sums, p, padding);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(average_run);
HWY_EXPORT(spread_run);

class SpreadCall final : public Call {
 public:
  explicit SpreadCall(const Node& node) : node_(node) {}
  // bf16 needs f32 sums of all planes, since any thread may work on any plane.
  size_t scratch_bytes() const override {
    const Type& y = node_.types[0];
    return y.dtype == DType::bf16 ? static_cast<size_t>(y.shape.numel()) * sizeof(float) : 0;
  }
  void run(const KernelArgs& args) const override {
    const Operand &g = args.in[0], &y = args.out[0];
    const auto& a = node_.attr<PoolAttrs>();
    const Plane p = plane_of(a, y.type.shape, g.type.shape);
    const bool low = y.type.dtype == DType::bf16;
    for_each_plane(y, p, [&](int64_t at, int64_t out) {
      char* to = y.as<char>() + at;
      auto* sums = low ? static_cast<float*>(args.scratch) + at / 2 : reinterpret_cast<float*>(to);
      HWY_DYNAMIC_DISPATCH(spread_run)
      (y.layout == Layout::blocked16, low, g.as<char>() + out, to, sums, p, a.count_padding);
    });
  }

 private:
  const Node& node_;
};

}  // namespace

const char* avg_pool_why_not(const Node& node) {
  const DType dtype = node.types[0].dtype;
  if (dtype != DType::f32 && dtype != DType::bf16) return "the dtype is not f32 or bf16";
  if (node.inputs[0].rank() > 4) return "it is not 1-D or 2-D pooling";
  if (layout_of(node.inputs[0]) == Layout::channels_last) return "channels_last data";
  if (node.layout(0) != layout_of(node.inputs[0])) return "input and output differ in layout";
  return nullptr;
}

void avg_pool(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  const auto& a = node.attr<PoolAttrs>();
  const Plane p = plane_of(a, x.type.shape, y.type.shape);
  for_each_plane(x, p, [&](int64_t at, int64_t out) {
    HWY_DYNAMIC_DISPATCH(average_run)
    (x.layout == Layout::blocked16, x.type.dtype == DType::bf16, x.as<char>() + at,
     y.as<char>() + out, p, a.count_padding);
  });
}

std::unique_ptr<Call> make_avg_pool_gradient_call(const Node& node) {
  return std::make_unique<SpreadCall>(node);
}

}  // namespace suan::cpu
#endif
