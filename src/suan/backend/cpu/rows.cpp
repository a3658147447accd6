// Softmax and cross-entropy over rows. Each row is read from memory once and stays in the L1 cache
// for its two or three passes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/rows.h"

#include <fmt/core.h>

#include "suan/backend/cpu/tile.h"
#include "suan/base/threads.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/op.h"
#include "suan/ops/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/rows.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

float row_max(const float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  Vec top = hn::Set(d, -HUGE_VALF);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) top = hn::Max(top, hn::LoadU(d, x + i));
  float result = hn::GetLane(hn::MaxOfLanes(d, top));
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

// y = exp(x - shift), and the sum of y; y may be null.
float row_exp(const float* x, float shift, float* y, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const Vec s = hn::Set(d, shift);
  Vec total = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec e = exp(V(hn::Sub(hn::LoadU(d, x + i), s))).v;
    if (y) hn::StoreU(e, d, y + i);
    total = hn::Add(total, e);
  }
  if (i < n) {
    const Vec e =
        hn::IfThenElseZero(hn::FirstN(d, n - i), exp(V(hn::Sub(load_part(x + i, n - i), s))).v);
    if (y) store_part(e, y + i, n - i);
    total = hn::Add(total, e);
  }
  return hn::GetLane(hn::SumOfLanes(d, total));
}

// y = x factor + offset.
void row_affine(const float* x, float factor, float offset, float* y, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const Vec f = hn::Set(d, factor), o = hn::Set(d, offset);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::MulAdd(hn::LoadU(d, x + i), f, o), d, y + i);
  for (; i < n; ++i) y[i] = x[i] * factor + offset;
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(row_max);
HWY_EXPORT(row_exp);
HWY_EXPORT(row_affine);

constexpr int64_t kGrain = 1 << 13;  // elements worth a thread

bool is_row_dtype(DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; }

class SoftmaxCall final : public Call {
 public:
  explicit SoftmaxCall(const Node& node)
      : log_(is(node, Op::log_softmax)),
        length_(node.types[0].shape.back()),
        rows_(node.types[0].shape.numel() / length_),
        pieces_(row_pieces(rows_, length_)),
        rows_of_(node.types[0], length_) {}
  size_t scratch_bytes() const override {
    return rows_of_.converts() ? static_cast<size_t>(pieces_ * 2 * length_) * sizeof(float) : 0;
  }
  void run(const KernelArgs& args) const override {
    const auto n = static_cast<size_t>(length_);
    for_each_piece(rows_, pieces_, [&](int64_t piece, int64_t begin, int64_t end) {
      float* buffer = static_cast<float*>(args.scratch) + piece * 2 * length_;
      for (int64_t r = begin; r < end; ++r) {
        const float* x = rows_of_.read(args.in[0], r, buffer);
        float* y = rows_of_.target(args.out[0], r, buffer + length_);
        const float top = HWY_DYNAMIC_DISPATCH(row_max)(x, n);
        const float total = HWY_DYNAMIC_DISPATCH(row_exp)(x, top, log_ ? nullptr : y, n);
        if (log_) {
          HWY_DYNAMIC_DISPATCH(row_affine)(x, 1.0f, -top - std::log(total), y, n);
        } else {
          HWY_DYNAMIC_DISPATCH(row_affine)(y, 1.0f / total, 0.0f, y, n);
        }
        rows_of_.write(y, args.out[0], r);
      }
    });
  }

 private:
  bool log_;
  int64_t length_, rows_, pieces_;
  RowReader rows_of_;
};

class CrossEntropyCall final : public Call {
 public:
  explicit CrossEntropyCall(const Node& node)
      : attrs_(node.attr<CrossEntropyAttrs>()),
        classes_(node.inputs[0].shape().back()),
        rows_(node.inputs[1].shape().numel()),
        pieces_(row_pieces(rows_, classes_)),
        rows_of_(node.inputs[0].type(), classes_) {}
  size_t scratch_bytes() const override {
    return static_cast<size_t>(pieces_ * 2 * classes_ + rows_) * sizeof(float);
  }

  void run(const KernelArgs& args) const override {
    int64_t counted = 0;
    for (int64_t r = 0; r < rows_; ++r) {
      const int64_t label = label_at(args.in[1], r);
      if (label == attrs_.ignore_index) continue;
      if (label < 0 || label >= classes_) {
        args.errors.report("cross_entropy", fmt::format("label {} at row {} is outside [0, {})",
                                                        label, r, classes_));
        return;
      }
      ++counted;
    }
    float* losses = static_cast<float*>(args.scratch) + pieces_ * 2 * classes_;
    const float weight = 1.0f / static_cast<float>(counted);
    for_each_piece(rows_, pieces_, [&](int64_t piece, int64_t begin, int64_t end) {
      float* buffer = static_cast<float*>(args.scratch) + piece * 2 * classes_;
      for (int64_t r = begin; r < end; ++r) losses[r] = row(args, r, weight, buffer);
    });
    if (!args.out[0].data) return;
    double total = 0;
    for (int64_t r = 0; r < rows_; ++r) total += losses[r];
    *args.out[0].as<float>() = static_cast<float>(total / static_cast<double>(counted));
  }

 private:
  static int64_t label_at(const Operand& labels, int64_t r) {
    return labels.type.dtype == DType::i64 ? labels.as<int64_t>()[r] : labels.as<int32_t>()[r];
  }

  // The loss of one row; its slope times `weight` goes to the second output.
  float row(const KernelArgs& args, int64_t r, float weight, float* buffer) const {
    const auto n = static_cast<size_t>(classes_);
    const int64_t label = label_at(args.in[1], r);
    const bool ignored = label == attrs_.ignore_index;
    const bool sloped = args.out[1].data != nullptr;
    const float* x = rows_of_.read(args.in[0], r, buffer);
    float* slope = sloped ? rows_of_.target(args.out[1], r, buffer + classes_) : nullptr;
    const auto smooth = static_cast<float>(attrs_.label_smoothing);
    float loss = 0;
    if (ignored) {
      if (sloped) std::fill_n(slope, classes_, 0.0f);
    } else {
      const float at_label = x[label];
      const float top = HWY_DYNAMIC_DISPATCH(row_max)(x, n);
      float mean = 0;
      if (smooth > 0) {
        for (size_t k = 0; k < n; ++k) mean += x[k] - top;
        mean /= static_cast<float>(classes_);
      }
      const float total = HWY_DYNAMIC_DISPATCH(row_exp)(x, top, slope, n);
      loss = std::log(total) - (1 - smooth) * (at_label - top) - smooth * mean;
      if (sloped) {
        HWY_DYNAMIC_DISPATCH(row_affine)
        (slope, weight / total, -weight * smooth / static_cast<float>(classes_), slope, n);
        slope[label] -= weight * (1 - smooth);
      }
    }
    if (sloped) rows_of_.write(slope, args.out[1], r);
    return loss;
  }

  CrossEntropyAttrs attrs_;
  int64_t classes_, rows_, pieces_;
  RowReader rows_of_;
};

}  // namespace

RowReader::RowReader(const Type& type, int64_t length)
    : converts_(type.dtype != DType::f32),
      length_(length),
      element_(size_of(type.dtype)),
      load_(find_load_function(type.dtype)),
      store_(find_store_function(type.dtype)) {}
const float* RowReader::read(const Operand& x, int64_t r, float* buffer) const {
  if (!converts_) return x.as<float>() + r * length_;
  load_(x.as<char>() + static_cast<size_t>(r * length_) * element_, buffer,
        static_cast<size_t>(length_));
  return buffer;
}
float* RowReader::target(const Operand& y, int64_t r, float* buffer) const {
  return converts_ ? buffer : y.as<float>() + r * length_;
}
void RowReader::write(const float* row, const Operand& y, int64_t r) const {
  if (!converts_) return;
  store_(row, y.as<char>() + static_cast<size_t>(r * length_) * element_,
         static_cast<size_t>(length_));
}

int64_t row_pieces(int64_t rows, int64_t length) {
  const int64_t useful = std::max<int64_t>(1, rows * length / kGrain);
  return std::max<int64_t>(1, std::min<int64_t>({useful, rows, num_threads()}));
}
const char* softmax_why_not(const Node& node) {
  const Type& y = node.types[0];
  const int64_t axis = node.attr<AxisAttrs>().axis;
  if (!is_row_dtype(y.dtype)) return "the dtype is not f32 or bf16";
  if (axis != -1 && axis != y.shape.rank() - 1) return "the axis is not the last";
  if (y.shape.rank() == 0 || y.shape.numel() == 0) return "there are no rows";
  return nullptr;
}
std::unique_ptr<Call> make_softmax_call(const Node& node) {
  return std::make_unique<SoftmaxCall>(node);
}
const char* cross_entropy_why_not(const Node& node) {
  if (!is_row_dtype(node.inputs[0].dtype())) return "the dtype is not f32 or bf16";
  return nullptr;
}
std::unique_ptr<Call> make_cross_entropy_call(const Node& node) {
  return std::make_unique<CrossEntropyCall>(node);
}

}  // namespace suan::cpu
#endif
