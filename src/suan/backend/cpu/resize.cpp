// Resizing along one axis, with taps worked out when the call is made. Along an outer axis each tap
// adds a whole run of memory; along the last one each element is a short dot product.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/resize.h"

#include <algorithm>

#include "suan/backend/cpu/move.h"
#include "suan/base/threads.h"
#include "suan/ops/resize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/resize.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/element-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// y[i] = sum_k weight[k] x[at[k] inner + i] for i < n.
template <class T>
void blend_as(const T* x, int64_t inner, const int64_t* at, const float* weight, size_t taps, T* y,
              size_t n) {
  const auto run = [&](auto d, size_t i) HWY_ATTR {
    auto total = hn::Zero(d);
    for (size_t k = 0; k < taps; ++k) {
      const T* from = x + at[k] * inner + static_cast<int64_t>(i);
      total = hn::MulAdd(hn::Set(d, weight[k]), load(d, from), total);
    }
    store(total, d, y + i);
  };
  const hn::ScalableTag<float> d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) run(d, i);
  for (; i < n; ++i) run(hn::CappedTag<float, 1>(), i);
}

void blend(bool low, const void* x, int64_t inner, const int64_t* at, const float* weight,
           size_t taps, void* y, size_t n) {
  if (low) {
    return blend_as(static_cast<const bfloat16*>(x), inner, at, weight, taps,
                    static_cast<bfloat16*>(y), n);
  }
  blend_as(static_cast<const float*>(x), inner, at, weight, taps, static_cast<float*>(y), n);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(blend);

constexpr int64_t kGrain = 1 << 13;  // elements worth a thread

class ResizeCall final : public Call {
 public:
  explicit ResizeCall(const Node& node) {
    const auto& a = node.attr<ResizeAttrs>();
    const Shape& x = node.inputs[0].shape();
    const auto axis = static_cast<int>(a.axis);
    from_ = x[axis];
    to_ = a.size;
    outer_ = x.numel(0, axis);
    inner_ = x.numel(axis + 1, x.rank());
    ResizeTaps taps = resize_taps(a, from_);
    first_ = std::move(taps.first);
    at_ = std::move(taps.at);
    weight_.assign(taps.weight.begin(), taps.weight.end());
  }

  void run(const KernelArgs& args) const override {
    const bool low = args.in[0].type.dtype == DType::bf16;
    if (inner_ > 1) return run_rows(args, low);
    if (low) return run_line<bfloat16>(args);
    run_line<float>(args);
  }

 private:
  void run_rows(const KernelArgs& args, bool low) const {
    const int64_t size = low ? 2 : 4;
    parallel_for(outer_ * to_, kGrain / inner_ + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t o = r / to_, i = r % to_;
        const auto k = static_cast<size_t>(first_[static_cast<size_t>(i)]);
        const auto taps = static_cast<size_t>(first_[static_cast<size_t>(i) + 1]) - k;
        HWY_DYNAMIC_DISPATCH(blend)
        (low, args.in[0].as<char>() + o * from_ * inner_ * size, inner_, at_.data() + k,
         weight_.data() + k, taps, args.out[0].as<char>() + r * inner_ * size,
         static_cast<size_t>(inner_));
      }
    });
  }

  template <class T>
  void run_line(const KernelArgs& args) const {
    parallel_for(outer_, kGrain / (4 * to_) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        const T* x = args.in[0].as<T>() + o * from_;
        T* y = args.out[0].as<T>() + o * to_;
        for (size_t i = 0; i < static_cast<size_t>(to_); ++i) {
          float total = 0;
          const auto last = static_cast<size_t>(first_[i + 1]);
          for (auto k = static_cast<size_t>(first_[i]); k < last; ++k) {
            total += weight_[k] * static_cast<float>(x[at_[k]]);
          }
          y[i] = static_cast<T>(total);
        }
      }
    });
  }

  std::vector<int64_t> first_, at_;
  std::vector<float> weight_;
  int64_t outer_ = 1, from_ = 1, to_ = 1, inner_ = 1;
};

}  // namespace

const char* resize_why_not(const Node& node) {
  const DType dtype = node.types[0].dtype;
  if (dtype != DType::f32 && dtype != DType::bf16) return "the dtype is not f32 or bf16";
  if (node.types[0].shape.numel() == 0) return "there is nothing to fill";
  return plain_why_not(node);
}
std::unique_ptr<Call> make_resize_call(const Node& node) {
  return std::make_unique<ResizeCall>(node);
}

}  // namespace suan::cpu
#endif
