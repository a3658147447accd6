// Reductions in two steps: the shape collapses to alternating kept and reduced dims, then either
// lines are folded across lanes (last dim reduced) or columns are folded lane by lane (last dim
// kept). Long sums go block by block, so that the error grows with the number of blocks and not of
// elements. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/reduce.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "suan/backend/cpu/tile.h"
#include "suan/base/threads.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/reduce.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

struct Sum {
  static HWY_INLINE Vec fold(Vec a, Vec b) { return hn::Add(a, b); }
  static HWY_INLINE float across(Vec v) { return hn::GetLane(hn::SumOfLanes(D(), v)); }
  static HWY_INLINE Vec start() { return hn::Zero(D()); }
  static float fold_one(float a, float b) { return a + b; }
};
struct Max {
  static HWY_INLINE Vec fold(Vec a, Vec b) { return maximum(V(b), V(a)).v; }
  static HWY_INLINE Vec start() { return hn::Set(D(), -HUGE_VALF); }
  static float across(Vec v) {
    HWY_ALIGN float lanes[hn::MaxLanes(D())];
    hn::Store(v, D(), lanes);
    float top = lanes[0];
    for (size_t i = 1; i < hn::Lanes(D()); ++i) top = fold_one(top, lanes[i]);
    return top;
  }
  static float fold_one(float a, float b) { return a != a ? a : (b > a || b != b ? b : a); }
};

// Folds n consecutive floats.
template <class R>
float fold_line(const float* x, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  Vec acc[4] = {R::start(), R::start(), R::start(), R::start()};
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (size_t k = 0; k < 4; ++k) acc[k] = R::fold(acc[k], hn::LoadU(d, x + i + k * lanes));
  }
  for (; i + lanes <= n; i += lanes) acc[0] = R::fold(acc[0], hn::LoadU(d, x + i));
  float total = R::across(R::fold(R::fold(acc[0], acc[1]), R::fold(acc[2], acc[3])));
  for (; i < n; ++i) total = R::fold_one(total, x[i]);
  return total;
}

// to[c] = fold(to[c], x[r][c] over rows): `rows` lines of `columns` floats, `step` floats apart.
template <class R>
void fold_columns(const float* x, size_t rows, size_t columns, size_t step, float* to) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  size_t c = 0;
  for (; c + 4 * lanes <= columns; c += 4 * lanes) {
    Vec acc[4] = {R::start(), R::start(), R::start(), R::start()};
    for (size_t r = 0; r < rows; ++r) {
      const float* p = x + r * step + c;
      for (size_t k = 0; k < 4; ++k) acc[k] = R::fold(acc[k], hn::LoadU(d, p + k * lanes));
    }
    for (size_t k = 0; k < 4; ++k) {
      float* p = to + c + k * lanes;
      hn::StoreU(R::fold(hn::LoadU(d, p), acc[k]), d, p);
    }
  }
  for (; c + lanes <= columns; c += lanes) {
    Vec acc = R::start(), second = R::start();
    size_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      acc = R::fold(acc, hn::LoadU(d, x + r * step + c));
      second = R::fold(second, hn::LoadU(d, x + (r + 1) * step + c));
    }
    if (r < rows) acc = R::fold(acc, hn::LoadU(d, x + r * step + c));
    hn::StoreU(R::fold(hn::LoadU(d, to + c), R::fold(acc, second)), d, to + c);
  }
  for (; c < columns; ++c) {
    for (size_t r = 0; r < rows; ++r) to[c] = R::fold_one(to[c], x[r * step + c]);
  }
}

float sum_line(const float* x, size_t n) { return fold_line<Sum>(x, n); }
float max_line(const float* x, size_t n) { return fold_line<Max>(x, n); }
void sum_columns(const float* x, size_t rows, size_t columns, size_t step, float* to) {
  fold_columns<Sum>(x, rows, columns, step, to);
}
void max_columns(const float* x, size_t rows, size_t columns, size_t step, float* to) {
  fold_columns<Max>(x, rows, columns, step, to);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(sum_line);
HWY_EXPORT(max_line);
HWY_EXPORT(sum_columns);
HWY_EXPORT(max_columns);

constexpr int64_t kBlock = 4096;  // elements folded before the result joins the total
constexpr int64_t kGrain = 1 << 15;

struct Dim {
  int64_t size;
  bool reduced;
};

std::vector<Dim> collapse(const Shape& shape, const std::vector<bool>& reduced) {
  std::vector<Dim> dims;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 1) continue;
    const bool r = reduced[static_cast<size_t>(i)];
    if (!dims.empty() && dims.back().reduced == r) {
      dims.back().size *= shape[i];
    } else {
      dims.push_back({shape[i], r});
    }
  }
  if (dims.empty()) dims.push_back({1, false});
  return dims;
}

class ReduceCall final : public Call {
 public:
  ReduceCall(const Node& node, bool is_max) : is_max_(is_max) {
    const Tensor& x = node.inputs[0];
    load_ = find_load_function(x.dtype());
    element_ = size_of(x.dtype());
    convert_ = x.dtype() != DType::f32;
    store_ = find_store_function(node.types[0].dtype);
    dims_ = collapse(physical_shape(x.shape(), layout_of(x)), physical_axes(node));
    outputs_ = node.types[0].shape.numel();
    threads_ = num_threads();
    int64_t in = 1, out = 1;
    for (size_t i = dims_.size(); i-- > 0;) {
      in_stride_[i] = in;
      out_stride_[i] = dims_[i].reduced ? 0 : out;
      in *= dims_[i].size;
      if (!dims_[i].reduced) out *= dims_[i].size;
    }
    total_ = in;
  }

  // One row of partial results for each thread.
  size_t scratch_bytes() const override {
    return static_cast<size_t>(threads_ * (outputs_ + 16)) * sizeof(float);
  }

  void run(const KernelArgs& args) const override {
    const auto* data = args.in[0].as<char>();
    auto* partial = static_cast<float*>(args.scratch);
    const int64_t stride = outputs_ + 16;
    const bool kept_first = !dims_[0].reduced;
    const int64_t pieces =
        std::clamp<int64_t>(total_ / kGrain, 1, std::min<int64_t>(threads_, dims_[0].size));
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t from = dims_[0].size * p / pieces, to = dims_[0].size * (p + 1) / pieces;
        float* acc = partial + (kept_first ? 0 : p * stride);
        const int64_t first = kept_first ? from * out_stride_[0] : 0;
        const int64_t last = kept_first ? to * out_stride_[0] : outputs_;
        std::fill(acc + first, acc + last, is_max_ ? -HUGE_VALF : 0.0f);
        fold_range(data, from, to, acc);
      }
    });
    if (!kept_first) {
      for (int64_t p = 1; p < pieces; ++p) {
        for (int64_t i = 0; i < outputs_; ++i) {
          const float v = partial[p * stride + i];
          partial[i] = is_max_ ? (partial[i] != partial[i] || partial[i] > v ? partial[i] : v)
                               : partial[i] + v;
        }
      }
    }
    if (store_) {
      store_(partial, args.out[0].data, static_cast<size_t>(outputs_));
    } else {
      std::memcpy(args.out[0].data, partial, static_cast<size_t>(outputs_) * sizeof(float));
    }
  }

 private:
  // Folds indices [from, to) of the first dim.
  void fold_range(const char* data, int64_t from, int64_t to, float* acc) const {
    fold(data, 0, from, to, from * in_stride_[0], from * out_stride_[0], acc);
  }

  void fold(const char* data, size_t depth, int64_t from, int64_t to, int64_t in, int64_t out,
            float* acc) const {
    const size_t left = dims_.size() - depth;
    if (left == 1 && dims_[depth].reduced) return fold_tail_line(data, in, to - from, acc + out);
    if (left == 1) return fold_rows(data, in, 1, to - from, acc + out);
    if (left == 2 && dims_[depth].reduced) {
      return fold_rows(data, in, to - from, dims_[depth + 1].size, acc + out);
    }
    for (int64_t i = from; i < to; ++i) {
      fold(data, depth + 1, 0, dims_[depth + 1].size, in, out, acc);
      in += in_stride_[depth];
      out += out_stride_[depth];
    }
  }

  const float* floats(const char* data, int64_t at, int64_t n, float* buffer) const {
    const char* p = data + static_cast<size_t>(at) * element_;
    if (!convert_) return reinterpret_cast<const float*>(p);
    load_(p, buffer, static_cast<size_t>(n));
    return buffer;
  }

  void fold_tail_line(const char* data, int64_t at, int64_t n, float* acc) const {
    float buffer[kBlock];
    const auto line = is_max_ ? HWY_DYNAMIC_DISPATCH(max_line) : HWY_DYNAMIC_DISPATCH(sum_line);
    for (int64_t i = 0; i < n; i += kBlock) {
      const int64_t run = std::min(kBlock, n - i);
      const float v = line(floats(data, at + i, run, buffer), static_cast<size_t>(run));
      *acc = is_max_ ? (*acc != *acc || *acc > v ? *acc : v) : *acc + v;
    }
  }

  void fold_rows(const char* data, int64_t at, int64_t rows, int64_t columns, float* acc) const {
    float buffer[kBlock];
    const auto fold =
        is_max_ ? HWY_DYNAMIC_DISPATCH(max_columns) : HWY_DYNAMIC_DISPATCH(sum_columns);
    // Rows lie one after the other, so several short ones are folded (and converted) at once.
    const int64_t block = convert_ ? kBlock : 4 * kBlock;
    if (columns <= block) {
      const int64_t step = block / columns;
      for (int64_t r = 0; r < rows; r += step) {
        const int64_t run = std::min(step, rows - r);
        fold(floats(data, at + r * columns, run * columns, buffer), static_cast<size_t>(run),
             static_cast<size_t>(columns), static_cast<size_t>(columns), acc);
      }
      return;
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; c += block) {
        const int64_t run = std::min(block, columns - c);
        fold(floats(data, at + r * columns + c, run, buffer), 1, static_cast<size_t>(run),
             static_cast<size_t>(run), acc + c);
      }
    }
  }

  bool is_max_, convert_ = false;
  LoadFunction load_ = nullptr;
  StoreFunction store_ = nullptr;
  size_t element_ = 4;
  std::vector<Dim> dims_;
  int64_t in_stride_[kMaxRank + 2] = {}, out_stride_[kMaxRank + 2] = {};
  int64_t outputs_ = 0, total_ = 0;
  int threads_ = 1;
};

}  // namespace

std::vector<bool> physical_axes(const Node& node) {
  const Tensor& x = node.inputs[0];
  Shape mark = Shape::filled(x.rank(), 0);
  for (int64_t axis : node.attr<ReduceAttrs>().axes) mark[static_cast<int>(axis)] = 1;
  const Layout layout = layout_of(x);
  std::vector<bool> out;
  if (layout == Layout::plain) {
    for (int64_t m : mark) out.push_back(m != 0);
    return out;
  }
  out.push_back(mark[0] != 0);
  if (layout == Layout::blocked16) out.push_back(mark[1] != 0);
  for (int i = 2; i < mark.rank(); ++i) out.push_back(mark[i] != 0);
  out.push_back(mark[1] != 0);
  return out;
}

const char* reduce_why_not(const Node& node) {
  const Tensor& x = node.inputs[0];
  if (x.dtype() != DType::f32 && x.dtype() != DType::bf16 && x.dtype() != DType::f16) {
    return "the dtype is not f32, bf16 or f16";
  }
  if (x.shape().numel() == 0) return "there is nothing to reduce";
  if (node.layout(0) != Layout::plain) return "the result is not in plain layout";
  if (layout_of(x) != Layout::plain) {
    // The result is plain only where no spatial axis stays behind the channels.
    for (int i = 2; i < x.rank(); ++i) {
      const auto& axes = node.attr<ReduceAttrs>().axes;
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) return "a spatial axis is kept";
    }
  }
  return nullptr;
}
std::unique_ptr<Call> make_sum_call(const Node& node) {
  return std::make_unique<ReduceCall>(node, false);
}
std::unique_ptr<Call> make_max_call(const Node& node) {
  return std::make_unique<ReduceCall>(node, true);
}

}  // namespace suan::cpu
#endif
