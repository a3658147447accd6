// Runs of elements with one scale, each a vector loop. Quotients are divided, not multiplied by a
// reciprocal: halves must round as the standard says.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/quantize.h"

#include <algorithm>
#include <limits>

#include "suan/backend/cpu/tile.h"
#include "suan/base/threads.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/quantize.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// One number for all elements, or one for each.
struct Same {
  float value;
  float at(size_t /*i*/) const { return value; }
  template <class D>
  auto load(D d, size_t /*i*/) const {
    return hn::Set(d, value);
  }
};
struct Each {
  const float* values;
  float at(size_t i) const { return values[i]; }
  template <class D>
  auto load(D d, size_t i) const {
    return hn::LoadU(d, values + i);
  }
};

// q = round(x / scale) + zero within the dtype's range; NaN gives 0.
template <class T, class Numbers>
void quantize_run(const float* x, T* q, size_t n, Numbers scale, Numbers zero) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<T, decltype(d)> dq;
  const auto low = hn::Set(d, static_cast<float>(std::numeric_limits<T>::min()));
  const auto high = hn::Set(d, static_cast<float>(std::numeric_limits<T>::max()));
  const auto step = [&](auto v, auto s, auto z) HWY_ATTR {
    auto y = hn::Add(hn::Round(hn::Div(v, s)), z);
    y = hn::IfThenZeroElse(hn::IsNaN(y), y);
    return hn::DemoteTo(
        dq, hn::ConvertTo(hn::Rebind<int32_t, decltype(d)>(), hn::Min(hn::Max(y, low), high)));
  };
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(step(hn::LoadU(d, x + i), scale.load(d, i), zero.load(d, i)), dq, q + i);
  }
  for (; i < n; ++i) {
    const auto one = step(hn::Set(d, x[i]), hn::Set(d, scale.at(i)), hn::Set(d, zero.at(i)));
    q[i] = hn::GetLane(one);
  }
}

template <class T>
void dequantize_run(const T* q, float* x, size_t n, float scale, float zero) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<T, decltype(d)> dq;
  const hn::Rebind<int32_t, decltype(d)> di;
  const auto s = hn::Set(d, scale), z = hn::Set(d, zero);
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto whole = hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(dq, q + i)));
    hn::StoreU(hn::Mul(hn::Sub(whole, z), s), d, x + i);
  }
  for (; i < n; ++i) x[i] = (static_cast<float>(q[i]) - zero) * scale;
}

void quantize_i8(const float* x, void* q, size_t n, float s, float z) {
  quantize_run(x, static_cast<int8_t*>(q), n, Same{s}, Same{z});
}
void quantize_u8(const float* x, void* q, size_t n, float s, float z) {
  quantize_run(x, static_cast<uint8_t*>(q), n, Same{s}, Same{z});
}
void quantize_each_i8(const float* x, void* q, size_t n, const float* s, const float* z) {
  quantize_run(x, static_cast<int8_t*>(q), n, Each{s}, Each{z});
}
void quantize_each_u8(const float* x, void* q, size_t n, const float* s, const float* z) {
  quantize_run(x, static_cast<uint8_t*>(q), n, Each{s}, Each{z});
}
void dequantize_i8(const void* q, float* x, size_t n, float s, float z) {
  dequantize_run(static_cast<const int8_t*>(q), x, n, s, z);
}
void dequantize_u8(const void* q, float* x, size_t n, float s, float z) {
  dequantize_run(static_cast<const uint8_t*>(q), x, n, s, z);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(quantize_i8);
HWY_EXPORT(quantize_u8);
HWY_EXPORT(quantize_each_i8);
HWY_EXPORT(quantize_each_u8);
HWY_EXPORT(dequantize_i8);
HWY_EXPORT(dequantize_u8);

// How scales follow the elements: `runs` of `length` elements each; run r has scale r % count.
struct Runs {
  int64_t runs = 1, length = 1, count = 1;
  bool fits = true;
};

// Scales that broadcast along all axes but one.
Runs runs_of(const Shape& x, const Shape& scale) {
  Runs r;
  const int lead = x.rank() - scale.rank();
  int axis = -1;
  for (int i = 0; i < scale.rank(); ++i) {
    if (scale[i] == 1) continue;
    if (axis >= 0) r.fits = false;
    axis = i + lead;
  }
  if (axis < 0) {
    r.length = x.numel();
    return r;
  }
  r.length = x.numel(axis + 1, x.rank());
  r.count = x[axis];
  r.runs = x.numel() / std::max<int64_t>(r.length, 1);
  return r;
}
// Blocks along the last axis.
Runs runs_of_blocks(const Shape& x, int axis, int64_t block) {
  Runs r;
  r.fits = axis + 1 == x.rank() && x[axis] % block == 0;
  r.length = block;
  r.runs = r.count = r.fits ? x.numel() / block : 1;
  return r;
}

float zero_at(const Operand& zero, int64_t i) {
  if (!zero.data) return 0;
  const bool is_signed = zero.type.dtype == DType::i8 || zero.type.dtype == DType::i4;
  return is_signed ? static_cast<float>(zero.as<int8_t>()[i])
                   : static_cast<float>(zero.as<uint8_t>()[i]);
}

// Calls f(first element, elements, scale, zero) for parts of the runs, in parallel.
template <class F>
void for_each_run(const Runs& r, const KernelArgs& args, F f) {
  const auto* scales = args.in[1].as<float>();
  const Operand none, &zero = args.in.size() > 2 ? args.in[2] : none;
  constexpr int64_t kPart = 1 << 13;
  const int64_t parts = (r.length + kPart - 1) / kPart;
  const int64_t grain = std::max<int64_t>(1, kThreadWork / std::min(r.length, kPart));
  parallel_for(r.runs * parts, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t run = i / parts, from = i % parts * kPart, at = run % r.count;
      f(run * r.length + from, std::min(kPart, r.length - from), scales[at], zero_at(zero, at));
    }
  });
}

class QuantizeCall final : public Call {
 public:
  QuantizeCall(const Node& node, const Runs& runs)
      : runs_(runs),
        is_signed_(node.types[0].dtype == DType::i8),
        load_(node.inputs[0].dtype() == DType::f32 ? nullptr
                                                   : find_load_function(node.inputs[0].dtype())) {}
  void run(const KernelArgs& args) const override {
    if (runs_.length == 1 && runs_.count > 1) return run_columns(args);
    auto* q = args.out[0].as<uint8_t>();
    for_each_run(runs_, args, [&](int64_t at, int64_t n, float scale, float zero) {
      if (!load_) return quantize(args.in[0].as<float>() + at, q + at, n, scale, zero);
      alignas(64) float piece[kPiece];
      for (int64_t i = 0; i < n; i += kPiece) {
        const int64_t count = std::min(kPiece, n - i);
        quantize(floats(args, at + i, count, piece), q + at + i, count, scale, zero);
      }
    });
  }

 private:
  static constexpr int64_t kPiece = 1024;

  // Elements of the data as f32: where they lie, or converted into `piece`.
  const float* floats(const KernelArgs& args, int64_t at, int64_t n, float* piece) const {
    if (!load_) return args.in[0].as<float>() + at;
    load_(args.in[0].as<uint16_t>() + at, piece, static_cast<size_t>(n));
    return piece;
  }
  // A scale for each position of the last axis: rows, in pieces whose zero points are converted
  // once.
  void run_columns(const KernelArgs& args) const {
    const int64_t n = runs_.count, rows = runs_.runs / n;
    const auto* scales = args.in[1].as<float>();
    const Operand none, &zero = args.in.size() > 2 ? args.in[2] : none;
    auto* q = args.out[0].as<uint8_t>();
    parallel_for(rows, std::max<int64_t>(1, kThreadWork / n), [&](int64_t begin, int64_t end) {
      alignas(64) float piece[kPiece], zeros[kPiece];
      for (int64_t i = 0; i < n; i += kPiece) {
        const int64_t count = std::min(kPiece, n - i);
        for (int64_t k = 0; k < count; ++k) zeros[k] = zero_at(zero, i + k);
        for (int64_t row = begin; row < end; ++row) {
          const int64_t at = row * n + i;
          const float* x = floats(args, at, count, piece);
          const auto size = static_cast<size_t>(count);
          if (is_signed_) {
            HWY_DYNAMIC_DISPATCH(quantize_each_i8)(x, q + at, size, scales + i, zeros);
          } else {
            HWY_DYNAMIC_DISPATCH(quantize_each_u8)(x, q + at, size, scales + i, zeros);
          }
        }
      }
    });
  }
  void quantize(const float* x, uint8_t* q, int64_t n, float scale, float zero) const {
    const auto count = static_cast<size_t>(n);
    if (is_signed_) {
      HWY_DYNAMIC_DISPATCH(quantize_i8)(x, q, count, scale, zero);
    } else {
      HWY_DYNAMIC_DISPATCH(quantize_u8)(x, q, count, scale, zero);
    }
  }
  Runs runs_;
  bool is_signed_;
  LoadFunction load_;  // null: f32
};

class DequantizeCall final : public Call {
 public:
  DequantizeCall(const Node& node, const Runs& runs) : runs_(runs) {
    const DType dtype = node.inputs[0].dtype();
    is_signed_ = dtype == DType::i8 || dtype == DType::i4;
  }
  void run(const KernelArgs& args) const override {
    const auto* q = args.in[0].as<uint8_t>();
    auto* x = args.out[0].as<float>();
    for_each_run(runs_, args, [&](int64_t at, int64_t n, float scale, float zero) {
      const auto count = static_cast<size_t>(n);
      if (is_signed_) {
        HWY_DYNAMIC_DISPATCH(dequantize_i8)(q + at, x + at, count, scale, zero);
      } else {
        HWY_DYNAMIC_DISPATCH(dequantize_u8)(q + at, x + at, count, scale, zero);
      }
    });
  }

 private:
  Runs runs_;
  bool is_signed_ = true;
};

Runs runs_of(const Node& node, int axis, int64_t block) {
  const Shape &x = node.types[0].shape, &scale = node.inputs[1].shape();
  return block > 0 ? runs_of_blocks(x, axis, block) : runs_of(x, scale);
}
const char* runs_why_not(const Node& node, int axis, int64_t block) {
  if (node.inputs[1].dtype() != DType::f32) return "the scale is not f32";
  if (node.types[0].shape.numel() == 0) return "there is nothing to compute";
  const Runs runs = runs_of(node, axis, block);
  if (!runs.fits) return "scales vary in another way than by one axis or blocks of the last";
  const bool plain = node.layout(0) == Layout::plain && layout_of(node.inputs[0]) == Layout::plain;
  if (runs.runs > 1) return plain ? nullptr : "the data is not in plain layout";
  return node.layout(0) == layout_of(node.inputs[0]) ? nullptr : "the layout changes";
}

}  // namespace

const char* quantize_why_not(const Node& node) {
  const auto& a = node.attr<QuantizeAttrs>();
  const DType from = node.inputs[0].dtype();
  if (from != DType::f32 && from != DType::bf16) return "the data is not f32 or bf16";
  if (a.dtype != DType::i8 && a.dtype != DType::u8) return "the result is not i8 or u8";
  return runs_why_not(node, a.axis, a.block);
}
std::unique_ptr<Call> make_quantize_call(const Node& node) {
  const auto& a = node.attr<QuantizeAttrs>();
  return std::make_unique<QuantizeCall>(node, runs_of(node, a.axis, a.block));
}
const char* dequantize_why_not(const Node& node) {
  const auto& a = node.attr<DequantizeAttrs>();
  const DType dtype = node.inputs[0].dtype();
  const bool takes =
      dtype == DType::i8 || dtype == DType::u8 || dtype == DType::i4 || dtype == DType::u4;
  if (!takes) return "the data is not of 8 or 4 bits";
  if (a.dtype != DType::f32) return "the result is not f32";
  return runs_why_not(node, a.axis, a.block);
}
std::unique_ptr<Call> make_dequantize_call(const Node& node) {
  const auto& a = node.attr<DequantizeAttrs>();
  return std::make_unique<DequantizeCall>(node, runs_of(node, a.axis, a.block));
}

}  // namespace suan::cpu
#endif
