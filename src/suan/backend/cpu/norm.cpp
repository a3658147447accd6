// Normalization row by row: a row is read from memory once and stays in the L1 cache for its two or
// three passes. Gradients of scale and shift are summed in one line per piece of the rows.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/norm.h"

#include <algorithm>
#include <cstring>

#include "suan/backend/cpu/move.h"
#include "suan/backend/cpu/rows.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/op.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/norm.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

#ifndef SUAN_NORM_ROW_
#define SUAN_NORM_ROW_
namespace suan::cpu {
struct Statistics {
  float mean, rstd;
};
struct NormRow {
  const float* x;
  const float* scale;  // null: 1
  const float* shift;  // null: 0
  float* y;            // null: not wanted
  size_t n;
  float epsilon;
  bool centred;  // mean and variance; else mean 0 and mean square
};
struct NormGradientRow {
  const float* x;
  const float* g;
  const float* scale;  // null: 1
  float* gx;           // null: not wanted
  float* gscale;       // added to
  float* gshift;       // added to; null: not wanted
  size_t n;
  Statistics at;
  bool centred;
};
}  // namespace suan::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// A whole vector, or the first n lanes of one.
struct Whole {
  HWY_INLINE Vec load(const float* p) const { return hn::LoadU(D(), p); }
  HWY_INLINE void store(Vec v, float* p) const { hn::StoreU(v, D(), p); }
  HWY_INLINE Vec keep(Vec v) const { return v; }
};
struct Part {
  size_t n;
  HWY_INLINE Vec load(const float* p) const { return load_part(p, n); }
  HWY_INLINE void store(Vec v, float* p) const { store_part(v, p, n); }
  HWY_INLINE Vec keep(Vec v) const { return hn::IfThenElseZero(hn::FirstN(D(), n), v); }
};
template <class F>
HWY_INLINE void each_vector(size_t n, F f) {
  const size_t lanes = hn::Lanes(D());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) f(Whole(), i);
  if (i < n) f(Part{n - i}, i);
}
HWY_INLINE float total_of(Vec v) { return hn::GetLane(hn::SumOfLanes(D(), v)); }

Statistics norm_row(const NormRow& r) {
  const D d;
  const auto n = static_cast<float>(r.n);
  Vec sum = hn::Zero(d);
  if (r.centred) {
    each_vector(r.n, [&](auto part, size_t i) HWY_ATTR { sum = hn::Add(sum, part.load(r.x + i)); });
  }
  const float mean = r.centred ? total_of(sum) / n : 0.0f;
  const Vec m = hn::Set(d, mean);
  Vec squares = hn::Zero(d);
  each_vector(r.n, [&](auto part, size_t i) HWY_ATTR {
    const Vec c = part.keep(hn::Sub(part.load(r.x + i), m));
    squares = hn::MulAdd(c, c, squares);
  });
  const float rstd = 1.0f / std::sqrt(total_of(squares) / n + r.epsilon);
  if (!r.y) return {mean, rstd};
  const Vec s = hn::Set(d, rstd);
  each_vector(r.n, [&](auto part, size_t i) HWY_ATTR {
    Vec z = hn::Mul(hn::Sub(part.load(r.x + i), m), s);
    if (r.scale) z = hn::Mul(z, part.load(r.scale + i));
    if (r.shift) z = hn::Add(z, part.load(r.shift + i));
    part.store(z, r.y + i);
  });
  return {mean, rstd};
}

void norm_gradient_row(const NormGradientRow& r) {
  const D d;
  const auto n = static_cast<float>(r.n);
  const Vec m = hn::Set(d, r.at.mean), s = hn::Set(d, r.at.rstd);
  Vec sum = hn::Zero(d), along = hn::Zero(d);  // of h and of h z
  each_vector(r.n, [&](auto part, size_t i) HWY_ATTR {
    const Vec z = part.keep(hn::Mul(hn::Sub(part.load(r.x + i), m), s));
    const Vec g = part.load(r.g + i);
    const Vec gz = hn::Mul(g, z);
    part.store(hn::Add(part.load(r.gscale + i), gz), r.gscale + i);
    if (r.gshift) part.store(hn::Add(part.load(r.gshift + i), g), r.gshift + i);
    const Vec scale = r.scale ? part.load(r.scale + i) : hn::Set(d, 1.0f);
    sum = hn::MulAdd(g, scale, sum);
    along = hn::MulAdd(gz, scale, along);
  });
  if (!r.gx) return;
  const Vec mean_h = hn::Set(d, r.centred ? total_of(sum) / n : 0.0f);
  const Vec mean_hz = hn::Set(d, total_of(along) / n);
  each_vector(r.n, [&](auto part, size_t i) HWY_ATTR {
    const Vec z = hn::Mul(hn::Sub(part.load(r.x + i), m), s);
    Vec h = part.load(r.g + i);
    if (r.scale) h = hn::Mul(h, part.load(r.scale + i));
    part.store(hn::Mul(s, hn::NegMulAdd(z, mean_hz, hn::Sub(h, mean_h))), r.gx + i);
  });
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(norm_row);
HWY_EXPORT(norm_gradient_row);

const float* optional_input(const KernelArgs& args, size_t i) {
  return i < args.in.size() ? args.in[i].as<float>() : nullptr;
}

class NormCall final : public Call {
 public:
  explicit NormCall(const Node& node)
      : centred_(is(node, Op::layer_norm)),
        epsilon_(static_cast<float>(node.attr<LayerNormAttrs>().epsilon)),
        length_(norm_row_length(node)),
        rows_(node.inputs[0].shape().numel() / length_),
        pieces_(row_pieces(rows_, length_)),
        rows_of_x_(node.inputs[0].type(), length_),
        rows_of_y_(node.types[0], length_) {}
  size_t scratch_bytes() const override {
    return rows_of_x_.converts() || rows_of_y_.converts()
               ? static_cast<size_t>(pieces_ * 2 * length_) * sizeof(float)
               : 0;
  }
  void run(const KernelArgs& args) const override {
    float* means = centred_ ? args.out[1].as<float>() : nullptr;
    float* rstds = args.out[centred_ ? 2 : 1].as<float>();
    NormRow row{.scale = optional_input(args, 1),
                .shift = centred_ ? optional_input(args, 2) : nullptr,
                .n = static_cast<size_t>(length_),
                .epsilon = epsilon_,
                .centred = centred_};
    for_each_piece(rows_, pieces_, [&](int64_t piece, int64_t begin, int64_t end) {
      float* buffer = static_cast<float*>(args.scratch) + piece * 2 * length_;
      NormRow r = row;
      for (int64_t i = begin; i < end; ++i) {
        r.x = rows_of_x_.read(args.in[0], i, buffer);
        r.y = args.out[0].data ? rows_of_y_.target(args.out[0], i, buffer + length_) : nullptr;
        const Statistics at = HWY_DYNAMIC_DISPATCH(norm_row)(r);
        if (r.y) rows_of_y_.write(r.y, args.out[0], i);
        if (means) means[i] = at.mean;
        if (rstds) rstds[i] = at.rstd;
      }
    });
  }

 private:
  bool centred_;
  float epsilon_;
  int64_t length_, rows_, pieces_;
  RowReader rows_of_x_, rows_of_y_;
};

class NormGradientCall final : public Call {
 public:
  explicit NormGradientCall(const Node& node)
      : centred_(is(node, Op::layer_norm_gradient)),
        length_(norm_row_length(node)),
        rows_(node.inputs[0].shape().numel() / length_),
        pieces_(row_pieces(rows_, length_)),
        rows_of_(node.inputs[0].type(), length_),
        rows_of_g_(node.inputs[1].type(), length_) {}
  // For each piece: the sums of scale and shift, then rows of x, g and gx where they convert.
  size_t scratch_bytes() const override {
    return static_cast<size_t>(pieces_ * stride()) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const float* means = centred_ ? args.in[2].as<float>() : nullptr;
    const float* rstds = args.in[centred_ ? 3 : 2].as<float>();
    auto* scratch = static_cast<float*>(args.scratch);
    const bool shifted = centred_ && args.out[2].data;
    for_each_piece(rows_, pieces_, [&](int64_t piece, int64_t begin, int64_t end) {
      float* sums = scratch + piece * stride();
      float* buffer = sums + 2 * length_;
      std::fill_n(sums, 2 * length_, 0.0f);
      NormGradientRow r{.scale = optional_input(args, centred_ ? 4 : 3),
                        .gscale = sums,
                        .gshift = shifted ? sums + length_ : nullptr,
                        .n = static_cast<size_t>(length_),
                        .centred = centred_};
      for (int64_t i = begin; i < end; ++i) {
        r.x = rows_of_.read(args.in[0], i, buffer);
        r.g = rows_of_g_.read(args.in[1], i, buffer + length_);
        r.gx = args.out[0].data ? rows_of_.target(args.out[0], i, buffer + 2 * length_) : nullptr;
        r.at = {means ? means[i] : 0.0f, rstds[i]};
        HWY_DYNAMIC_DISPATCH(norm_gradient_row)(r);
        if (r.gx) rows_of_.write(r.gx, args.out[0], i);
      }
    });
    add_pieces(scratch, args.out[1].as<float>());
    if (shifted) add_pieces(scratch + length_, args.out[2].as<float>());
  }

 private:
  int64_t stride() const {
    return (rows_of_.converts() || rows_of_g_.converts() ? 5 : 2) * length_;
  }
  void add_pieces(const float* sums, float* to) const {
    if (!to) return;
    std::memcpy(to, sums, static_cast<size_t>(length_) * sizeof(float));
    for (int64_t p = 1; p < pieces_; ++p) {
      for (int64_t i = 0; i < length_; ++i) to[i] += sums[p * stride() + i];
    }
  }

  bool centred_;
  int64_t length_, rows_, pieces_;
  RowReader rows_of_, rows_of_g_;
};

}  // namespace

const char* norm_why_not(const Node& node) {
  const DType dtype = node.inputs[0].dtype();
  const DType other = norm_result_dtype(node);
  if (dtype != DType::f32 && dtype != DType::bf16) return "the dtype is not f32 or bf16";
  if (other != dtype && other != DType::bf16) return "a dtype is not f32 or bf16";
  return plain_why_not(node);
}
std::unique_ptr<Call> make_norm_call(const Node& node) { return std::make_unique<NormCall>(node); }
std::unique_ptr<Call> make_norm_gradient_call(const Node& node) {
  return std::make_unique<NormGradientCall>(node);
}

}  // namespace suan::cpu
#endif
