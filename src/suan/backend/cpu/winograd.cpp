// A piece of work transforms a chunk of tiles, multiplies it with one panel of transformed weights
// after the other (36 products of gemm.h each), and transforms back: all but the weights stay in
// the caches of a core. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/winograd.h"

#include <algorithm>
#include <string>
#include <vector>

#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/gemm.h"
#include "suan/backend/cpu/row_tail.h"
#include "suan/base/threads.h"
#include "suan/ops/conv.h"
#include "suan/ops/op.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/winograd.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

#ifndef SUAN_WINOGRAD_TILE_
#define SUAN_WINOGRAD_TILE_
namespace suan::cpu {
// The polynomials behind the transforms are taken at 0, +-kA, +-kB and infinity. With 1 and 2
// errors are twice as large.
constexpr double kA = 0.625, kB = 1.5;
// A tile of one block of 16 channels. Lines and columns of the image may be outside.
struct WinogradTile {
  const float* x;  // aligned as a float is, like y and more; the block of the image,
                   // [height][width][16]; null for results
  int64_t height, width, line, column;
  float* products;  // 36 rows of 16, `step` apart
  int64_t step;
  // Of results:
  float* y;
  const float *bias, *more;  // 16 numbers; as large as y. Null: nothing
  bool relu;
};
}  // namespace suan::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

HWY_INLINE Vec number(double x) { return hn::Set(D(), static_cast<float>(x)); }

// One line of B^T d.
HWY_INLINE void turn_input(const Vec* d, Vec* t) {
  const Vec a = number(kA), b = number(kB), a2 = number(kA * kA), b2 = number(kB * kB);
  const Vec product = number(kA * kA * kB * kB), sum = number(kA * kA + kB * kB);
  const Vec even_a = hn::NegMulAdd(b2, d[2], d[4]), odd_a = hn::NegMulAdd(b2, d[1], d[3]);
  const Vec even_b = hn::NegMulAdd(a2, d[2], d[4]), odd_b = hn::NegMulAdd(a2, d[1], d[3]);
  t[0] = hn::MulAdd(product, d[0], hn::NegMulAdd(sum, d[2], d[4]));
  t[1] = hn::MulAdd(a, odd_a, even_a);
  t[2] = hn::NegMulAdd(a, odd_a, even_a);
  t[3] = hn::MulAdd(b, odd_b, even_b);
  t[4] = hn::NegMulAdd(b, odd_b, even_b);
  t[5] = hn::MulAdd(product, d[1], hn::NegMulAdd(sum, d[3], d[5]));
}
// One line of A^T m.
HWY_INLINE void turn_result(const Vec* m, Vec* y) {
  const Vec even_a = hn::Add(m[1], m[2]), odd_a = hn::Sub(m[1], m[2]);
  const Vec even_b = hn::Add(m[3], m[4]), odd_b = hn::Sub(m[3], m[4]);
  y[0] = hn::Add(hn::Add(m[0], even_a), even_b);
  y[1] = hn::MulAdd(number(kA), odd_a, hn::Mul(number(kB), odd_b));
  y[2] = hn::MulAdd(number(kA * kA), even_a, hn::Mul(number(kB * kB), even_b));
  y[3] = hn::MulAdd(number(kA * kA * kA), odd_a, hn::MulAdd(number(kB * kB * kB), odd_b, m[5]));
}

// kWhole: all of the tile is inside.
template <bool kWhole>
HWY_INLINE void turn_tile(const WinogradTile& w, size_t lane) {
  const D d;
  const auto step = static_cast<size_t>(w.step);
  const float* x = w.x + (w.line * w.width + w.column) * 16 + static_cast<int64_t>(lane);
  Vec t[6][6];  // [column][line]
  for (int64_t j = 0; j < 6; ++j) {
    const bool inside = kWhole || (w.column + j >= 0 && w.column + j < w.width);
    Vec in[6];
#pragma GCC unroll 6
    for (int64_t i = 0; i < 6; ++i) {
      const bool seen = kWhole || (inside && w.line + i >= 0 && w.line + i < w.height);
      in[i] = seen ? hn::LoadU(d, x + (i * w.width + j) * 16) : hn::Zero(d);
    }
    turn_input(in, t[j]);
  }
  float* to = w.products + lane;
  for (size_t i = 0; i < 6; ++i) {
    const Vec line[6] = {t[0][i], t[1][i], t[2][i], t[3][i], t[4][i], t[5][i]};
    Vec out[6];
    turn_input(line, out);
#pragma GCC unroll 6
    for (size_t j = 0; j < 6; ++j, to += step) hn::Store(out[j], d, to);
  }
}
void winograd_input(const WinogradTile& w) {
  const bool whole =
      w.line >= 0 && w.column >= 0 && w.line + 6 <= w.height && w.column + 6 <= w.width;
  for (size_t lane = 0; lane < 16; lane += hn::Lanes(D())) {
    whole ? turn_tile<true>(w, lane) : turn_tile<false>(w, lane);
  }
}

void winograd_result(const WinogradTile& w) {
  const D d;
  const int64_t lines = HWY_MIN(4, w.height - w.line), columns = HWY_MIN(4, w.width - w.column);
  const auto step = static_cast<size_t>(w.step);
  for (size_t lane = 0; lane < 16; lane += hn::Lanes(d)) {
    const Vec bias = w.bias ? hn::LoadU(d, w.bias + lane) : hn::Zero(d);
    Vec t[6][4];  // [column][line]
    for (size_t j = 0; j < 6; ++j) {
      Vec in[6];
#pragma GCC unroll 6
      for (size_t i = 0; i < 6; ++i) in[i] = hn::Load(d, w.products + (i * 6 + j) * step + lane);
      turn_result(in, t[j]);
    }
    for (int64_t i = 0; i < lines; ++i) {
      const Vec line[6] = {t[0][i], t[1][i], t[2][i], t[3][i], t[4][i], t[5][i]};
      Vec out[4];
      turn_result(line, out);
      const auto at = static_cast<size_t>((w.line + i) * w.width + w.column) * 16 + lane;
#pragma GCC unroll 4
      for (int64_t j = 0; j < 4; ++j) {
        if (j >= columns) break;
        V y(hn::Add(out[j], bias));
        if (w.more) y = y + V(hn::LoadU(d, w.more + at + j * 16));
        if (w.relu) y = maximum(y, V(0.0));
        hn::StoreU(y.v, d, w.y + at + j * 16);
      }
    }
  }
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(winograd_input);
HWY_EXPORT(winograd_result);

constexpr int64_t kPlaces = 36;                 // products of a tile
constexpr int64_t kFewTiles = 32, kTiles = 64;  // of a chunk: where weights stay near, or do not
constexpr int64_t kStays = int64_t{1} << 20;    // bytes of weights
constexpr int64_t kDepth = kBlockBytes / (kPanel * 4);

class WinogradCall final : public Call {
 public:
  explicit WinogradCall(const Node& node) {
    RowTail tail;
    read_row_tail(node, tail);
    const auto& a = tail.anchor->attr<ConvAttrs>();
    input_ = tail.inputs[0], weights_ = tail.inputs[1];
    bias_ = tail.bias, more_ = tail.whole(), relu_ = tail.ends_in_relu();
    const Shape &x = node.inputs[static_cast<size_t>(input_)].shape(), &y = node.types[0].shape;
    images_ = x[0], c_ = x[1], height_ = x[2], width_ = x[3];
    k_ = y[1], y_height_ = y[2], y_width_ = y[3];
    top_ = a.pad_begin[0], left_ = a.pad_begin[1];
    across_ = (y_width_ + 3) / 4;
    each_ = across_ * ((y_height_ + 3) / 4);
    tiles_ = images_ * each_;
    panels_ = (k_ + kPanel - 1) / kPanel;
    for (int64_t i = 0; i < c_; i += kSlice) slices_.push_back({i, kSlice});
    divide();
    for (int64_t t = 0; t < chunk_; ++t) rows_at_.push_back(t * c_);
  }

  size_t packed_bytes(int input) const override {
    return input == weights_ ? static_cast<size_t>(panels_ * panel_floats()) * sizeof(float) : 0;
  }
  std::string packed_form(int /*input*/) const override {
    return "winograd 4x4 " + std::to_string(k_) + "x" + std::to_string(c_);
  }
  void pack(int /*input*/, const void* from, void* to) const override {
    parallel_for(panels_ * c_, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t panel = i / c_, c = i % c_;
        turn_weights(static_cast<const float*>(from) + (panel * kPanel * c_ + c) * 9,
                     std::min(kPanel, k_ - panel * kPanel),
                     static_cast<float*>(to) + panel * panel_floats() + c * kPanel);
      }
    });
  }

  // Results are written after what is added to them was read.
  bool may_overwrite(size_t /*output*/, size_t input) const override {
    return static_cast<int>(input) == more_ && more_ != input_;
  }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(pieces_ * piece_floats()) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    parallel_for(pieces_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        float* v = static_cast<float*>(args.scratch) + p * piece_floats();
        const int64_t all = by_panels_ ? chunks_ : chunks_ * (p + 1) / pieces_;
        for (int64_t i = by_panels_ ? 0 : chunks_ * p / pieces_; i < all; ++i) {
          run_chunk(args, i * chunk_, p, v);
        }
      }
    });
  }

 private:
  int64_t panel_floats() const { return kPlaces * c_ * kPanel; }
  // Places lie a little more than their size apart, so that they do not share lines of a cache.
  int64_t v_step() const { return chunk_ * c_ + kSlice; }
  int64_t m_step() const { return chunk_ * kPanel + kSlice; }
  int64_t piece_floats() const { return kPlaces * (v_step() + m_step()); }

  // G g G^T for one channel of the input and `count` results, at to[place c kPanel].
  void turn_weights(const float* g, int64_t count, float* to) const {
    constexpr double a2 = kA * kA, b2 = kB * kB, zero = 1 / (a2 * b2);
    constexpr double a = 1 / (2 * a2 * (a2 - b2)), b = 1 / (2 * b2 * (b2 - a2));
    constexpr double kG[6][3] = {{zero, 0, 0},        {a, a * kA, a * a2},  {a, -a * kA, a * a2},
                                 {b, b * kB, b * b2}, {b, -b * kB, b * b2}, {0, 0, 1}};
    double in[3][3][kPanel] = {}, half[3][kPanel];
    for (int64_t n = 0; n < count; ++n) {
      for (int64_t i = 0; i < 9; ++i) in[i / 3][i % 3][n] = g[n * c_ * 9 + i];
    }
    for (const auto& line : kG) {
      for (int j = 0; j < 3; ++j) {
        for (int64_t n = 0; n < kPanel; ++n) {
          half[j][n] = line[0] * in[0][j][n] + line[1] * in[1][j][n] + line[2] * in[2][j][n];
        }
      }
      for (const auto& column : kG) {
        for (int64_t n = 0; n < kPanel; ++n) {
          to[n] = static_cast<float>(column[0] * half[0][n] + column[1] * half[1][n] +
                                     column[2] * half[2][n]);
        }
        to += c_ * kPanel;
      }
    }
  }

  // Threads share the tiles where there are many or one panel, else the panels; then each of them
  // transforms all tiles, which is less than to read all weights.
  void divide() {
    const int64_t threads = num_threads();
    by_panels_ = tiles_ < threads * kTiles * 3 / 4 && panels_ >= threads;
    const int64_t most = panels_ * panel_floats() * 4 <= kStays ? kFewTiles : kTiles;
    chunks_ = (tiles_ + most - 1) / most;
    if (!by_panels_) {
      chunks_ = (chunks_ + threads - 1) / threads * threads;
      chunks_ = std::min(chunks_, tiles_);
    }
    chunk_ = (tiles_ + chunks_ - 1) / chunks_;
    chunks_ = (tiles_ + chunk_ - 1) / chunk_;
    pieces_ = std::min<int64_t>(threads, by_panels_ ? panels_ : chunks_);
  }

  template <class F>
  void for_each_tile(int64_t first, int64_t count, const F& f) const {
    for (int64_t t = 0; t < count; ++t) {
      const int64_t image = (first + t) / each_, place = (first + t) % each_;
      f(t, image, place / across_ * 4, place % across_ * 4);
    }
  }

  void run_chunk(const KernelArgs& args, int64_t first, int64_t piece, float* v) const {
    const int64_t count = std::min(chunk_, tiles_ - first), blocks = c_ / kSlice;
    const float* x = args.in[static_cast<size_t>(input_)].as<float>();
    for_each_tile(first, count, [&](int64_t t, int64_t image, int64_t line, int64_t column) {
      for (int64_t b = 0; b < blocks; ++b) {
        HWY_DYNAMIC_DISPATCH(winograd_input)
        ({.x = x + (image * blocks + b) * height_ * width_ * kSlice,
          .height = height_,
          .width = width_,
          .line = line - top_,
          .column = column - left_,
          .products = v + t * c_ + b * kSlice,
          .step = v_step()});
      }
    });
    float* m = v + kPlaces * v_step();
    const int64_t end = by_panels_ ? panels_ * (piece + 1) / pieces_ : panels_;
    for (int64_t p = by_panels_ ? panels_ * piece / pieces_ : 0; p < end; ++p) {
      multiply(args, p, count, v, m);
      write(args, p, first, count, m);
    }
  }

  void multiply(const KernelArgs& args, int64_t panel, int64_t count, const float* v,
                float* m) const {
    const float* w = args.in[static_cast<size_t>(weights_)].as<float>() + panel * panel_floats();
    const int64_t columns = std::min(kPanel, k_ - panel * kPanel);
    const float* const end = w + panel_floats() - kDepth * kPanel;
    for (int64_t i = 0; i < kPlaces; ++i) {
      for (int64_t k = 0; k < c_; k += kDepth) {
        const int64_t depth = std::min(kDepth, c_ - k);
        gemm_block({.a = v + i * v_step(),
                    .rows_at = rows_at_.data(),
                    .slices = slices_.data() + k / kSlice,
                    .slice_count = depth / kSlice,
                    .b = w,
                    .c = m + i * m_step(),
                    .c_step = kPanel,
                    .c_block = kSlice,
                    .rows = count,
                    .columns = columns,
                    .starts = k == 0,
                    .start = nullptr,
                    .next = w <= end || panel + 1 < panels_ ? w + depth * kPanel : nullptr,
                    .y = nullptr,
                    .more = nullptr,
                    .y_step = 0,
                    .y_block = 0,
                    .ends = false,
                    .relu = false});
        w += depth * kPanel;
      }
    }
  }

  void write(const KernelArgs& args, int64_t panel, int64_t first, int64_t count, float* m) const {
    const auto numbers = [&](int operand) {
      return operand < 0 ? nullptr : args.in[static_cast<size_t>(operand)].as<float>();
    };
    const float *bias = numbers(bias_), *more = numbers(more_);
    float* y = args.out[0].as<float>();
    const int64_t blocks = std::min(kPanel, k_ - panel * kPanel) / kSlice;
    for_each_tile(first, count, [&](int64_t t, int64_t image, int64_t line, int64_t column) {
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t channel = panel * kPanel + b * kSlice;
        const int64_t at = (image * k_ + channel) * y_height_ * y_width_;
        HWY_DYNAMIC_DISPATCH(winograd_result)
        ({.height = y_height_,
          .width = y_width_,
          .line = line,
          .column = column,
          .products = m + t * kPanel + b * kSlice,
          .step = m_step(),
          .y = y + at,
          .bias = bias ? bias + channel : nullptr,
          .more = more ? more + at : nullptr,
          .relu = relu_});
      }
    });
  }

  int input_ = 0, weights_ = 1, bias_ = -1, more_ = -1;  // operands; -1: absent
  bool relu_ = false;
  int64_t images_, c_, height_, width_, k_, y_height_, y_width_, top_, left_;
  int64_t across_, each_, tiles_;  // tiles side by side, of an image, of all
  int64_t panels_, chunk_ = 0, chunks_ = 1, pieces_ = 1;
  bool by_panels_ = false;
  std::vector<int64_t> rows_at_;
  std::vector<GemmSlice> slices_;
};

const char* shape_why_not(const ConvAttrs& a, const Shape& w) {
  if (w.rank() != 4 || w[2] != 3 || w[3] != 3) return "the kernel is not 3x3";
  if (a.groups != 1) return "it has groups";
  for (size_t i = 0; i < 2; ++i) {
    if (a.stride[i] != 1 || a.dilation[i] != 1) return "stride or dilation is not 1";
  }
  return nullptr;
}

}  // namespace

const char* tiled_winograd_why_not(const Node& node) {
  RowTail tail;
  if (const char* reason = read_row_tail(node, tail)) return reason;
  if (tail.is_product()) return "it is no convolution";
  if (tail.anchor->types[0].dtype != DType::f32) return "the dtype is not f32";
  if (!has_avx512()) return "it needs AVX-512";
  const auto& a = tail.anchor->attr<ConvAttrs>();
  if (a.exact) return "its sums must stay exact";
  const Tensor& x = node.inputs[static_cast<size_t>(tail.inputs[0])];
  const Tensor& w = node.inputs[static_cast<size_t>(tail.inputs[1])];
  if (!is(w.node(), Op::constant)) return "the weights are no constant";
  if (const char* reason = shape_why_not(a, w.shape())) return reason;
  if (layout_of(x) != Layout::blocked16 || node.layout(0) != Layout::blocked16) {
    return "its data is not in blocked layout";
  }
  if (x.shape().numel() == 0 || node.types[0].shape.numel() == 0) {
    return "there is nothing to compute";
  }
  if (!tail.is_sum_and_relu()) return "its tail is more than a sum and relu";
  return whole_layout_why_not(node, tail);
}
const char* tiled_winograd_likely_slower(const Node& node) {
  RowTail tail;
  read_row_tail(node, tail);
  const int64_t channels = node.inputs[static_cast<size_t>(tail.inputs[0])].shape()[1];
  const Shape& y = node.types[0].shape;
  if (channels < 32 || y[1] < 32) return "it is mostly slower below 32 channels";
  const int64_t tiles = y[0] * ((y[2] + 3) / 4) * ((y[3] + 3) / 4);
  return tiles < 8 ? "its weights are read for few tiles" : nullptr;
}
std::unique_ptr<Call> make_tiled_winograd_call(const Node& node) {
  return std::make_unique<WinogradCall>(node);
}

}  // namespace suan::cpu
#endif
