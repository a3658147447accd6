// Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), for weights
// that are packed once: a block of one panel stays in L1 while all rows pass over it.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/gemm.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "suan/backend/cpu/move.h"
#include "suan/backend/cpu/tile.h"
#include "suan/base/packed_form.h"
#include "suan/base/threads.h"
#include "suan/graph/graph.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/gemm.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

#ifndef SUAN_GEMM_BLOCK_
#define SUAN_GEMM_BLOCK_
namespace suan::cpu {
constexpr int64_t kPanel = 64;   // columns that lie together
constexpr int64_t kDepth = 128;  // of a block of a panel: 32 KB
// c += a b for one block of a panel.
struct GemmBlock {
  const float* a;  // rows x depth
  int64_t a_step;
  const float* b;  // depth x kPanel
  float* c;        // rows x kPanel
  int64_t rows, depth, columns;
  bool starts;        // c = a b
  const float* next;  // what to bring near meanwhile, as large as b; null: nothing
};
}  // namespace suan::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// Rows and vectors of sums held in registers at once: 24 of 32, or 12 of 16.
constexpr size_t kRows = 6;
constexpr size_t kWide = hn::MaxLanes(D()) == 16 ? 4 : 2;
constexpr size_t kStep = 16;  // of depth, between requests for what comes next

template <size_t R, size_t W>
HWY_INLINE void gemm_tile(const GemmBlock& g, int64_t row, int64_t column, size_t lines) {
  const D d;
  const size_t lanes = hn::Lanes(d), depth = static_cast<size_t>(g.depth);
  const auto step = static_cast<size_t>(g.a_step);
  const float *a = g.a + row * g.a_step, *b = g.b + column;
  float* c = g.c + row * kPanel + column;
  const float* next = g.next + static_cast<size_t>(row) / kRows * lines * (depth / kStep) * 16;
  Vec sum[R][W];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) {
      sum[r][w] = g.starts ? hn::Zero(d) : hn::Load(d, c + r * kPanel + w * lanes);
    }
  }
  for (size_t k0 = 0; k0 < depth; k0 += kStep) {
    for (size_t i = 0; i < lines; ++i, next += 16) __builtin_prefetch(next, 0, 2);
    const size_t end = HWY_MIN(depth, k0 + kStep);
    for (size_t k = k0; k < end; ++k, b += kPanel) {
      Vec v[W];
#pragma GCC unroll 4
      for (size_t w = 0; w < W; ++w) v[w] = hn::Load(d, b + w * lanes);
#pragma GCC unroll 16
      for (size_t r = 0; r < R; ++r) {
        const Vec x = hn::Set(d, a[r * step + k]);
#pragma GCC unroll 4
        for (size_t w = 0; w < W; ++w) sum[r][w] = hn::MulAdd(x, v[w], sum[r][w]);
      }
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) hn::Store(sum[r][w], d, c + r * kPanel + w * lanes);
  }
}

template <size_t W>
HWY_INLINE void gemm_columns(const GemmBlock& g, int64_t column, size_t lines) {
  int64_t row = 0;
  for (; row + static_cast<int64_t>(kRows) <= g.rows; row += kRows) {
    gemm_tile<kRows, W>(g, row, column, lines);
  }
  const int64_t rest = g.rows - row;
  if (rest == 1) gemm_tile<1, W>(g, row, column, 0);
  if (rest == 2) gemm_tile<2, W>(g, row, column, 0);
  if (rest == 3) gemm_tile<3, W>(g, row, column, 0);
  if (rest == 4) gemm_tile<4, W>(g, row, column, 0);
  if (rest == 5) gemm_tile<5, W>(g, row, column, 0);
}

void gemm_block(const GemmBlock& g) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D())), wide = lanes * int64_t{kWide};
  const int64_t tiles = std::max<int64_t>(1, g.rows / int64_t{kRows});
  const auto lines = static_cast<size_t>(g.next ? (kPanel + tiles - 1) / tiles : 0);
  int64_t column = 0;
  for (; column + wide <= g.columns; column += wide) {
    gemm_columns<kWide>(g, column, column == 0 ? lines : 0);
  }
  for (; column < g.columns; column += lanes) gemm_columns<1>(g, column, column == 0 ? lines : 0);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(gemm_block);

constexpr int64_t kMaxRows = 144;  // of the left operand that stay in L2 beside a block

// What happens to the product, row by row of the panel.
struct RowStep {
  enum class Kind : uint8_t { none, number, channels, whole } kind = Kind::none;
  TileFunction run = nullptr;
  bool swapped = false;  // the operand comes first
  int operand = -1;      // of the node
  float number = 0;
};
struct RowTail {
  const Node* product = nullptr;
  std::vector<int> inputs;  // the node's operand for each of the product's
  std::vector<RowStep> steps;
};

// Reads a region that is a chain of elementwise rows after a product. Null, or why it is none.
class TailReader {
 public:
  TailReader(const Graph& region, RowTail& tail) : region_(region), tail_(tail) {}

  const char* read() {
    for (const NodePtr& node : region_.nodes()) {
      if (node->inputs.empty()) continue;  // inputs and numbers
      if (const char* reason = tail_.product ? add(*node) : begin(*node)) return reason;
      value_ = node.get();
    }
    const bool last = region_.outputs.size() == 1 && &region_.outputs[0].node() == value_;
    return last ? nullptr : "the region has results on the way";
  }

 private:
  int operand(const Node& node) const {
    for (size_t i = 0; i < region_.inputs.size(); ++i) {
      if (&region_.inputs[i].node() == &node) return static_cast<int>(i);
    }
    return -1;
  }
  const char* begin(const Node& node) {
    if (!is(node, Op::matmul)) return "the region does not begin with a product";
    tail_.product = &node;
    for (const Tensor& t : node.inputs) tail_.inputs.push_back(operand(t.node()));
    return nullptr;
  }
  const char* add(const Node& node) {
    if (!(node.types[0] == tail_.product->types[0])) return "a type changes in the region";
    if (node.inputs.size() > 2) return "an operation has more than two operands";
    RowStep step;
    unsigned scalars = 0;
    if (node.inputs.size() == 2) {
      step.swapped = &node.inputs[1].node() == value_;
      const Tensor& other = node.inputs[step.swapped ? 0 : 1];
      if (&other.node() == value_) return "the region is no chain";
      if (const char* reason = read_operand(other, step)) return reason;
      if (step.kind == RowStep::Kind::number) scalars = step.swapped ? 1 : 2;
    }
    if (&node.inputs[step.swapped ? 1 : 0].node() != value_) return "the region is no chain";
    step.run = find_tile_function(node.op->code, scalars);
    if (!step.run) return "an operation is not elementwise";
    tail_.steps.push_back(step);
    return nullptr;
  }
  const char* read_operand(const Tensor& other, RowStep& step) {
    if (is(other.node(), Op::full) && other.rank() == 0) {
      step.kind = RowStep::Kind::number;
      step.number = static_cast<float>(other.node().attr<FullAttrs>().value);
      return nullptr;
    }
    step.operand = operand(other.node());
    if (step.operand < 0) return "the region is no chain";
    if (other.dtype() != DType::f32) return "an operand is not f32";
    const Shape& shape = tail_.product->types[0].shape;
    step.kind = other.shape() == shape ? RowStep::Kind::whole : RowStep::Kind::channels;
    const bool channels = other.rank() > 0 && other.shape().back() == shape.back() &&
                          other.shape().numel() == shape.back();
    const bool fits = step.kind == RowStep::Kind::whole || channels;
    return fits ? nullptr : "an operand varies along another axis than the channels";
  }

  const Graph& region_;
  RowTail& tail_;
  const Node* value_ = nullptr;
};

const char* read_row_tail(const Node& node, RowTail& tail) {
  if (!is(node, Op::matmul)) {
    return node.regions.empty() ? "it is another op" : TailReader(*node.regions[0], tail).read();
  }
  tail.product = &node;
  tail.inputs = {0, 1};
  return nullptr;
}

class PanelMatmul final : public Call {
 public:
  explicit PanelMatmul(const Node& node) {
    read_row_tail(node, tail_);
    const auto& attrs = tail_.product->attr<MatmulAttrs>();
    weights_ = tail_.inputs[1];
    const Shape& w = node.inputs[static_cast<size_t>(weights_)].shape();
    k_ = w[attrs.transpose_b ? 1 : 0];
    n_ = w[attrs.transpose_b ? 0 : 1];
    rows_ = node.types[0].shape.numel() / n_;
    panels_ = (n_ + kPanel - 1) / kPanel;
    form_ = {.element_size = sizeof(float),
             .dims = {k_, n_},
             .plain_strides = {attrs.transpose_b ? 1 : n_, attrs.transpose_b ? k_ : 1},
             .strides = {kPanel, k_ * kPanel},
             .blocks = {{kPanel, 1}}};
    divide();
  }

  size_t packed_bytes(int input) const override {
    return input == weights_ ? static_cast<size_t>(panels_ * k_ * kPanel) * sizeof(float) : 0;
  }
  std::string packed_form(int /*input*/) const override { return to_text(form_); }
  void pack(int /*input*/, const void* from, void* to) const override {
    const int64_t k_step = form_.plain_strides[0], n_step = form_.plain_strides[1];
    parallel_for(panels_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const float* w = static_cast<const float*>(from) + p * kPanel * n_step;
        float* panel = static_cast<float*>(to) + p * k_ * kPanel;
        const int64_t width = std::min(kPanel, n_ - p * kPanel);
        for (int64_t k = 0; k < k_; ++k, panel += kPanel) {
          for (int64_t n = 0; n < width; ++n) panel[n] = w[k * k_step + n * n_step];
          std::fill(panel + width, panel + kPanel, 0.0f);
        }
      }
    });
  }

  // Each piece of the result is written after what is added to it was read.
  bool may_overwrite(size_t /*output*/, size_t input) const override {
    const int i = static_cast<int>(input);
    return i != tail_.inputs[0] &&
           std::any_of(tail_.steps.begin(), tail_.steps.end(), [&](const RowStep& step) {
             return step.operand == i && step.kind == RowStep::Kind::whole;
           });
  }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(pieces_ * chunk_ * kPanel) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const int64_t units = panels_ * chunks_;
    parallel_for(pieces_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        float* scratch = static_cast<float*>(args.scratch) + p * chunk_ * kPanel;
        for (int64_t u = units * p / pieces_; u < units * (p + 1) / pieces_; ++u) {
          run_unit(args, u / chunks_, u % chunks_ * chunk_, scratch);
        }
      }
    });
  }

 private:
  // Rows fall into chunks, so many that all threads have about the same number of panel chunks.
  void divide() {
    const int64_t threads = num_threads(), least = std::max<int64_t>(1, (rows_ + kMaxRows - 1) / kMaxRows);
    const auto waste = [&](int64_t chunks) {
      const int64_t units = panels_ * chunks;
      return static_cast<double>((units + threads - 1) / threads * threads) /
             static_cast<double>(units);
    };
    int64_t best = least;
    for (int64_t chunks = least; chunks < least + 4 && chunks * 24 <= rows_; ++chunks) {
      if (waste(chunks) < waste(best) - 0.02) best = chunks;
    }
    chunk_ = (rows_ + best - 1) / best;
    chunks_ = (rows_ + chunk_ - 1) / chunk_;
    const double work = 2.0 * static_cast<double>(rows_) * static_cast<double>(n_ * k_);
    pieces_ = std::clamp<int64_t>(static_cast<int64_t>(work / 2e5), 1,
                                  std::min<int64_t>(panels_ * chunks_, threads));
  }

  void run_unit(const KernelArgs& args, int64_t panel, int64_t row, float* c) const {
    const float* x = args.in[static_cast<size_t>(tail_.inputs[0])].as<float>() + row * k_;
    const float* w = args.in[static_cast<size_t>(weights_)].as<float>() + panel * k_ * kPanel;
    const int64_t rows = std::min(chunk_, rows_ - row);
    const int64_t width = std::min(kPanel, n_ - panel * kPanel);
    for (int64_t k = 0; k < k_; k += kDepth) {
      const int64_t depth = std::min(kDepth, k_ - k);
      const bool more = panel + 1 < panels_ || k + 2 * kDepth <= k_;
      HWY_DYNAMIC_DISPATCH(gemm_block)({.a = x + k,
                                        .a_step = k_,
                                        .b = w + k * kPanel,
                                        .c = c,
                                        .rows = rows,
                                        .depth = depth,
                                        .columns = (width + 15) / 16 * 16,
                                        .starts = k == 0,
                                        .next = more ? w + (k + depth) * kPanel : nullptr});
    }
    finish(args, panel * kPanel, row, rows, width, c);
  }

  void finish(const KernelArgs& args, int64_t column, int64_t row, int64_t rows, int64_t width,
              float* c) const {
    float* y = args.out[0].as<float>() + row * n_ + column;
    const auto n = static_cast<size_t>(width);
    for (int64_t i = 0; i < rows; ++i, c += kPanel, y += n_) {
      if (tail_.steps.empty()) std::memcpy(y, c, n * sizeof(float));
      const float* value = c;
      for (size_t s = 0; s < tail_.steps.size(); ++s) {
        const RowStep& step = tail_.steps[s];
        float* to = s + 1 == tail_.steps.size() ? y : c;
        const float* other = operand(args, step, column, row + i);
        step.run(step.swapped ? other : value, step.swapped ? value : other, nullptr, to, n);
        value = to;
      }
    }
  }
  const float* operand(const KernelArgs& args, const RowStep& step, int64_t column,
                       int64_t row) const {
    if (step.kind == RowStep::Kind::none) return nullptr;
    if (step.kind == RowStep::Kind::number) return &step.number;
    const float* all = args.in[static_cast<size_t>(step.operand)].as<float>();
    return all + column + (step.kind == RowStep::Kind::whole ? row * n_ : 0);
  }

  RowTail tail_;
  int weights_ = 1;
  int64_t rows_ = 0, k_ = 0, n_ = 0, panels_ = 0;
  int64_t chunk_ = 0, chunks_ = 1, pieces_ = 1;
  PackedForm form_;
};

}  // namespace

const char* panel_matmul_why_not(const Node& node) {
  RowTail tail;
  if (const char* reason = read_row_tail(node, tail)) return reason;
  const Node& product = *tail.product;
  if (product.types[0].dtype != DType::f32) return "the dtype is not f32";
  const auto& attrs = product.attr<MatmulAttrs>();
  const Tensor& x = node.inputs[static_cast<size_t>(tail.inputs[0])];
  const Tensor& w = node.inputs[static_cast<size_t>(tail.inputs[1])];
  if (!is(w.node(), Op::constant)) return "the weights are no constant";
  if (w.rank() != 2 || x.rank() < 2) return "it is a batch of products";
  if (attrs.transpose_a) return "the left operand is transposed";
  if (node.types[0].shape.numel() == 0 || x.shape().numel() == 0) {
    return "there is nothing to multiply";
  }
  return plain_why_not(node);
}
std::unique_ptr<Call> make_panel_matmul_call(const Node& node) {
  return std::make_unique<PanelMatmul>(node);
}

}  // namespace suan::cpu
#endif
