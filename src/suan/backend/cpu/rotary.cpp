// Rotary position embedding: one pass over x, a row of the last axis at a time.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/rotary.h"

#include <algorithm>

#include "suan/backend/cpu/move.h"
#include "suan/base/threads.h"
#include "suan/ops/rotary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/rotary.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/element-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

template <class T>
HWY_INLINE void turn(T a, T b, float cos, float sin, T& to_a, T& to_b) {
  const float x = static_cast<float>(a), y = static_cast<float>(b);
  to_a = static_cast<T>(x * cos - y * sin);
  to_b = static_cast<T>(y * cos + x * sin);
}

// Pairs (i, i + half) for i in [0, half).
template <class T>
void turn_halves(const T* x, const float* cos, const float* sin, T* y, size_t half) {
  const hn::ScalableTag<float> d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= half; i += hn::Lanes(d)) {
    const auto a = load(d, x + i), b = load(d, x + half + i);
    const auto c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i);
    store(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), d, y + i);
    store(hn::MulAdd(b, c, hn::Mul(a, s)), d, y + half + i);
  }
  for (; i < half; ++i) turn(x[i], x[half + i], cos[i], sin[i], y[i], y[half + i]);
}

void turn_neighbours(const float* x, const float* cos, const float* sin, float* y, size_t half) {
  const hn::ScalableTag<float> d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= half; i += hn::Lanes(d)) {
    hn::Vec<decltype(d)> a, b;
    hn::LoadInterleaved2(d, x + 2 * i, a, b);
    const auto c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i);
    hn::StoreInterleaved2(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), hn::MulAdd(b, c, hn::Mul(a, s)), d,
                          y + 2 * i);
  }
  for (; i < half; ++i) turn(x[2 * i], x[2 * i + 1], cos[i], sin[i], y[2 * i], y[2 * i + 1]);
}
void turn_neighbours(const bfloat16* x, const float* cos, const float* sin, bfloat16* y,
                     size_t half) {
  for (size_t i = 0; i < half; ++i) {
    turn(x[2 * i], x[2 * i + 1], cos[i], sin[i], y[2 * i], y[2 * i + 1]);
  }
}

template <class T>
void turn_row(const void* from, const float* cos, const float* sin, void* to, size_t half,
              size_t length, bool interleaved) {
  const T* x = static_cast<const T*>(from);
  T* y = static_cast<T*>(to);
  if (interleaved) {
    turn_neighbours(x, cos, sin, y, half);
  } else {
    turn_halves(x, cos, sin, y, half);
  }
  if (x != y) std::copy(x + 2 * half, x + length, y + 2 * half);
}

void rotary_row(bool low, const void* x, const float* cos, const float* sin, void* y, size_t half,
                size_t length, bool interleaved) {
  if (low) return turn_row<bfloat16>(x, cos, sin, y, half, length, interleaved);
  turn_row<float>(x, cos, sin, y, half, length, interleaved);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(rotary_row);

constexpr int64_t kGrain = 1 << 13;  // elements worth a thread

class RotaryCall final : public Call {
 public:
  explicit RotaryCall(const Node& node)
      : interleaved_(node.attr<RotaryAttrs>().interleaved),
        half_(node.inputs[1].shape().back()),
        length_(node.types[0].shape.back()) {
    const Shape &x = node.types[0].shape, &angles = node.inputs[1].shape();
    rows_ = Shape(std::span(x.begin(), static_cast<size_t>(x.rank() - 1)));
    // How far one step along each axis of the rows goes among the rows of angles.
    const Shape strides = angles.strides();
    steps_ = Shape::filled(rows_.rank(), 0);
    const int lead = x.rank() - angles.rank();
    for (int i = 0; i + 1 < angles.rank(); ++i) {
      if (angles[i] != 1) steps_[lead + i] = strides[i];
    }
  }

  void run(const KernelArgs& args) const override {
    const bool low = args.in[0].type.dtype == DType::bf16;
    const int64_t bytes = length_ * (low ? 2 : 4);
    const auto *cos = args.in[1].as<float>(), *sin = args.in[2].as<float>();
    parallel_for(rows_.numel(), kGrain / length_ + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        int64_t at = 0, rest = r;
        for (int i = rows_.rank(); i-- > 0; rest /= rows_[i]) at += rest % rows_[i] * steps_[i];
        HWY_DYNAMIC_DISPATCH(rotary_row)
        (low, args.in[0].as<char>() + r * bytes, cos + at, sin + at,
         args.out[0].as<char>() + r * bytes, static_cast<size_t>(half_),
         static_cast<size_t>(length_), interleaved_);
      }
    });
  }

 private:
  bool interleaved_;
  int64_t half_, length_;
  Shape rows_, steps_;
};

}  // namespace

const char* rotary_why_not(const Node& node) {
  const DType dtype = node.types[0].dtype;
  if (dtype != DType::f32 && dtype != DType::bf16) return "the dtype is not f32 or bf16";
  if (node.inputs[1].dtype() != DType::f32) return "cos and sin are not f32";
  if (node.types[0].shape.numel() == 0) return "there is nothing to turn";
  return plain_why_not(node);
}
std::unique_ptr<Call> make_rotary_call(const Node& node) {
  return std::make_unique<RotaryCall>(node);
}

}  // namespace suan::cpu
#endif
