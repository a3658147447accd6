// The work falls into units: one panel of columns by one chunk of rows.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/panels.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/gemm.h"
#include "suan/backend/cpu/move.h"
#include "suan/backend/cpu/panel_weights.h"
#include "suan/backend/cpu/row_tail.h"
#include "suan/base/threads.h"
#include "suan/ops/conv.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

constexpr int64_t kStays = int64_t{512} << 10;  // bytes, in the cache of a core
constexpr double kMostPadding = 4;              // times the image: what is written out
constexpr int64_t kMaxRows = 144;  // of a chunk: what of them a block needs stays in L2

// Spatial padding written out, so that every place of the kernel is inside for all rows.
struct Padded {
  int64_t planes = 0, height = 0, width = 0;  // of the input: planes [height][width][depth]
  int64_t depth = 0;                          // bytes
  int64_t top = 0, left = 0, full_height = 0, full_width = 0;
  bool needed() const { return planes > 0; }
  int64_t plane() const { return full_height * full_width * depth; }
  int64_t bytes() const {
    return static_cast<int64_t>(aligned(static_cast<size_t>(planes * plane())));
  }

  void fill(const char* from, char* to, int64_t begin, int64_t end) const {
    const int64_t columns = std::clamp<int64_t>(full_width - left, 0, width);
    const auto line = static_cast<size_t>(columns * depth);
    for (int64_t i = begin; i < end; ++i) {
      const char* x = from + i * height * width * depth;
      char* y = to + i * plane();
      std::fill_n(y, plane(), char{0});
      for (int64_t h = 0; h < std::min(height, full_height - top); ++h) {
        std::memcpy(y + ((top + h) * full_width + left) * depth, x + h * width * depth, line);
      }
    }
  }
};

// How many rows (or columns, axis 1) of the padded input a convolution reads.
int64_t reach(const ConvAttrs& a, const Shape& w, const Shape& y, int axis) {
  const auto i = static_cast<size_t>(axis);
  return (y[axis + 2] - 1) * a.stride[i] + (w[axis + 2] - 1) * a.dilation[i] + 1;
}
bool stays_inside(const ConvAttrs& a, const Shape& x, const Shape& w, const Shape& y) {
  return a.pad_begin[0] == 0 && a.pad_begin[1] == 0 && reach(a, w, y, 0) <= x[2] &&
         reach(a, w, y, 1) <= x[3];
}

// y = tail(x w): images of `rows` rows each.
class PanelCall final : public Call {
 public:
  explicit PanelCall(const Node& node) {
    read_row_tail(node, tail_);
    weights_ = tail_.inputs[1];
    const DType dtype = node.types[0].dtype;
    half_ = dtype == DType::bf16;
    element_ = half_ ? 2 : 4;
    load_ = find_load_function(dtype);
    store_ = find_store_function(dtype);
    whole_ = tail_.whole();
    simple_ = tail_.is_sum_and_relu();
    x_bytes_ =
        static_cast<int64_t>(node.inputs[static_cast<size_t>(tail_.inputs[0])].type().bytes());
    tail_.is_product() ? plan_matmul(node) : plan_conv(node);
    panels_ = w_.panels();
    const auto most = static_cast<size_t>(kBlockBytes / (kSlice * kPanel * element_));
    for (size_t s = 0; s < slices_.size(); s += most) {
      int64_t depth = 0;
      const size_t end = std::min(slices_.size(), s + most);
      for (size_t i = s; i < end; ++i) depth += slices_[i].count;
      blocks_.push_back({static_cast<int64_t>(s), static_cast<int64_t>(end - s), k_});
      k_ += depth;
    }
    divide();
  }

  size_t packed_bytes(int input) const override { return input == weights_ ? w_.bytes() : 0; }
  std::string packed_form(int /*input*/) const override { return w_.form(); }
  void pack(int /*input*/, const void* from, void* to) const override { w_.pack(from, to); }

  // Each piece of the result is written after what is added to it was read.
  bool may_overwrite(size_t /*output*/, size_t input) const override {
    const int i = static_cast<int>(input);
    return i != tail_.inputs[0] &&
           std::any_of(tail_.steps.begin(), tail_.steps.end(), [&](const RowStep& step) {
             return step.operand == i && step.kind == RowStep::Kind::whole;
           });
  }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(padded_.bytes()) +
           static_cast<size_t>(pieces_ * piece_floats()) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const char* x = args.in[static_cast<size_t>(tail_.inputs[0])].as<char>();
    char* padded = static_cast<char*>(args.scratch);
    auto* scratch = reinterpret_cast<float*>(padded + padded_.bytes());
    if (padded_.needed()) {
      parallel_for(padded_.planes, 1 + kThreadWork / padded_.plane(),
                   [&](int64_t begin, int64_t end) { padded_.fill(x, padded, begin, end); });
      x = padded;
    }
    const int64_t all = images_ * chunks_, units = panels_ * all;
    parallel_for(pieces_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        for (int64_t u = units * p / pieces_; u < units * (p + 1) / pieces_; ++u) {
          const int64_t panel = rows_first_ ? u % panels_ : u / all;
          const int64_t chunk = rows_first_ ? u / panels_ : u % all;
          run_unit(args, x, {panel, chunk / chunks_, chunk % chunks_ * chunk_},
                   scratch + p * piece_floats());
        }
      }
    });
  }

 private:
  struct Block {
    int64_t first, count;  // slices
    int64_t k;             // the first row of the panel
  };
  struct Unit {
    int64_t panel, image, row;
  };

  void plan_matmul(const Node& node) {
    const auto& attrs = tail_.anchor->attr<MatmulAttrs>();
    const Shape& w = node.inputs[static_cast<size_t>(weights_)].shape();
    const int64_t k = w[attrs.transpose_b ? 1 : 0];
    n_ = w[attrs.transpose_b ? 0 : 1];
    rows_ = node.types[0].shape.numel() / n_;
    for (int64_t r = 0; r < rows_; ++r) rows_at_.push_back(r * k);
    for (int64_t i = 0; i < k; i += kSlice) slices_.push_back({i, std::min(kSlice, k - i)});
    w_ = PanelWeights({k, n_}, {attrs.transpose_b ? 1 : n_, attrs.transpose_b ? k : 1}, element_);
  }

  void plan_conv(const Node& node) {
    const auto& a = tail_.anchor->attr<ConvAttrs>();
    const Tensor& input = node.inputs[static_cast<size_t>(tail_.inputs[0])];
    const Shape &x = input.shape(), &y = node.types[0].shape;
    const Shape& w = node.inputs[static_cast<size_t>(weights_)].shape();
    blocked_ = node.layout(0) == Layout::blocked16;
    images_ = x[0];
    n_ = y[1];
    rows_ = y[2] * y[3];
    const int64_t c = x[1], depth = blocked_ ? kSlice : c, planes = blocked_ ? c / kSlice : 1;
    int64_t height = x[2], width = x[3];
    if (!stays_inside(a, x, w, y)) {
      padded_ = {images_ * planes,  height,           width,
                 depth * element_,  a.pad_begin[0],   a.pad_begin[1],
                 reach(a, w, y, 0), reach(a, w, y, 1)};
      height = padded_.full_height, width = padded_.full_width;
    }
    image_step_ = planes * height * width * depth;
    for (int64_t i = 0; i < y[2]; ++i) {
      for (int64_t j = 0; j < y[3]; ++j) {
        rows_at_.push_back((i * a.stride[0] * width + j * a.stride[1]) * depth);
      }
    }
    for (int64_t i = 0; i < w[2]; ++i) {
      for (int64_t j = 0; j < w[3]; ++j) {
        const int64_t place = (i * a.dilation[0] * width + j * a.dilation[1]) * depth;
        for (int64_t k = 0; k < c; k += kSlice) {
          const int64_t at = blocked_ ? k / kSlice * height * width * kSlice : k;
          slices_.push_back({place + at, std::min(kSlice, c - k)});
        }
      }
    }
    const Shape plain = w.strides();
    w_ = PanelWeights({w.begin(), w.end()}, {plain.begin(), plain.end()}, element_);
  }

  // Rows of an image fall into chunks, so many that all threads have about as many units.
  void divide() {
    const int64_t threads = num_threads(), least = (rows_ + kMaxRows - 1) / kMaxRows;
    const auto waste = [&](int64_t chunks) {
      const int64_t units = panels_ * images_ * chunks, most = (units + threads - 1) / threads;
      return static_cast<double>(most * threads) / static_cast<double>(units);
    };
    int64_t best = least;
    for (int64_t chunks = least; chunks < least + 4 && chunks * 24 <= rows_; ++chunks) {
      if (waste(chunks) < waste(best) - 0.02) best = chunks;
    }
    chunk_ = (rows_ + best - 1) / best;
    chunks_ = (rows_ + chunk_ - 1) / chunk_;
    const double work = 2.0 * static_cast<double>(rows_ * images_) * static_cast<double>(n_ * k_);
    pieces_ = std::clamp<int64_t>(static_cast<int64_t>(work / 2e5), 1,
                                  std::min<int64_t>(panels_ * images_ * chunks_, threads));
    choose_order();
  }

  // A thread has all panels for its rows (in images then the same part of all layers), or all rows
  // for its panels: whichever brings less into the cache of its core.
  void choose_order() {
    const auto share = [&](int64_t n) { return (n + pieces_ - 1) / pieces_; };
    const int64_t chunks = images_ * chunks_, w = static_cast<int64_t>(w_.bytes());
    const int64_t by_rows = share(x_bytes_) + (w <= kStays ? w : share(chunks) * w);
    const int64_t by_panels =
        share(w) + (x_bytes_ <= kStays ? x_bytes_ : share(panels_) * x_bytes_);
    rows_first_ = chunks >= pieces_ && by_rows < by_panels;
  }
  int64_t piece_floats() const { return chunk_ * (kPanel + kSlice) + 2 * kPanel; }

  const char* bytes_of(const KernelArgs& args, int operand, int64_t at) const {
    return args.in[static_cast<size_t>(operand)].as<char>() + at * element_;
  }
  // n numbers of an operand as floats, in `to` where they are none.
  const float* floats_of(const KernelArgs& args, int operand, int64_t at, int64_t n,
                         float* to) const {
    const char* from = bytes_of(args, operand, at);
    if (!half_) return reinterpret_cast<const float*>(from);
    load_(from, to, static_cast<size_t>(n));
    return to;
  }

  void run_unit(const KernelArgs& args, const char* x, const Unit& u, float* c) const {
    const auto* w = reinterpret_cast<const float*>(bytes_of(args, weights_, u.panel * k_ * kPanel));
    const int64_t rows = std::min(chunk_, rows_ - u.row), column = u.panel * kPanel;
    const int64_t width = std::min(kPanel, n_ - column), words = kPanel * element_ / 4;
    const int64_t y_at = blocked_ ? (u.image * n_ + column) * rows_ + u.row * kSlice
                                  : (u.image * rows_ + u.row) * n_ + column;
    float *bias = c + chunk_ * kPanel, *more = bias + kPanel;
    if (tail_.bias >= 0) {
      std::copy_n(floats_of(args, tail_.bias, column, width, more), width, bias);
      std::fill(bias + width, bias + kPanel, 0.0f);
    }
    GemmBlock g{.a = x + u.image * image_step_ * element_,
                .rows_at = rows_at_.data() + u.row,
                .c = c,
                .c_step = blocked_ ? kSlice : kPanel,
                .c_block = blocked_ ? rows * kSlice : kSlice,
                .rows = rows,
                .columns = (width + kSlice - 1) / kSlice * kSlice,
                .start = tail_.bias >= 0 ? bias : nullptr,
                .y_step = blocked_ ? kSlice : n_,
                .y_block = blocked_ ? rows_ * kSlice : kSlice};
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const bool last = i + 1 == blocks_.size();
      g.slices = slices_.data() + blocks_[i].first;
      g.slice_count = blocks_[i].count;
      g.b = w + blocks_[i].k * words;
      g.starts = i == 0;
      g.next = !last                   ? w + blocks_[i + 1].k * words
               : u.panel + 1 < panels_ ? w + k_ * words
                                       : nullptr;
      if (last && whole_ >= 0) g.more = bytes_of(args, whole_, y_at);
      if (last) g.y = args.out[0].as<char>() + y_at * element_;
      g.ends = last && simple_ && width % kSlice == 0;
      g.relu = tail_.ends_in_relu();
      half_ ? gemm_block_bf16(g) : gemm_block(g);
    }
    if (g.ends) return;
    blocked_ ? finish_blocks(args, u, y_at, rows, width, c)
             : finish_rows(args, y_at, column, rows, width, c, more);
  }

  // Rows of all channels: each row of the panel is a run of its own.
  void finish_rows(const KernelArgs& args, int64_t y_at, int64_t column, int64_t rows,
                   int64_t width, float* c, float* more) const {
    for (int64_t i = 0; i < rows; ++i, c += kPanel, y_at += n_) {
      const auto operand = [&](const RowStep& step) {
        const bool whole = step.kind == RowStep::Kind::whole;
        return floats_of(args, step.operand, whole ? y_at : column, width, more);
      };
      finish(args, c, y_at, width, operand);
    }
  }

  // Blocks of 16 channels: all rows of a block are one run.
  void finish_blocks(const KernelArgs& args, const Unit& u, int64_t y_at, int64_t rows,
                     int64_t width, float* c) const {
    float* more = c + (chunk_ + 1) * kPanel;
    for (int64_t b = 0; b < width / kSlice; ++b, c += rows * kSlice, y_at += rows_ * kSlice) {
      const int64_t channel = u.panel * kPanel + b * kSlice, n = rows * kSlice;
      const auto operand = [&](const RowStep& step) -> const float* {
        if (step.kind == RowStep::Kind::whole) {
          return floats_of(args, step.operand, y_at, n, more);
        }
        const float* own = floats_of(args, step.operand, channel, kSlice, more);
        for (int64_t i = own == more; i < rows; ++i) std::copy_n(own, kSlice, more + i * kSlice);
        return more;
      };
      finish(args, c, y_at, n, operand);
    }
  }

  template <class F>
  void finish(const KernelArgs& args, float* c, int64_t y_at, int64_t count,
              const F& operand) const {
    const auto n = static_cast<size_t>(count);
    char* y = args.out[0].as<char>() + y_at * element_;
    float* const result = half_ ? c : reinterpret_cast<float*>(y);
    const float* value = c;
    for (size_t s = 0; s < tail_.steps.size(); ++s) {
      const RowStep& step = tail_.steps[s];
      float* to = s + 1 == tail_.steps.size() ? result : c;
      const float* other = step.kind == RowStep::Kind::none     ? nullptr
                           : step.kind == RowStep::Kind::number ? &step.number
                                                                : operand(step);
      step.run(step.swapped ? other : value, step.swapped ? value : other, nullptr, to, n);
      value = to;
    }
    if (half_) {
      store_(c, y, n);
    } else if (tail_.steps.empty()) {
      std::memcpy(y, c, n * sizeof(float));
    }
  }

  RowTail tail_;
  PanelWeights w_;
  int weights_ = 1, whole_ = -1;  // operands
  bool simple_ = false;           // gemm.h does all of the tail
  bool half_ = false;             // bf16
  int64_t element_ = 4;
  LoadFunction load_ = nullptr;
  StoreFunction store_ = nullptr;
  bool blocked_ = false;     // rows in blocks of 16 columns
  bool rows_first_ = false;  // the order of units
  int64_t images_ = 1, image_step_ = 0, x_bytes_ = 0;
  int64_t rows_ = 0, k_ = 0, n_ = 0, panels_ = 0;
  int64_t chunk_ = 0, chunks_ = 1, pieces_ = 1;
  std::vector<int64_t> rows_at_;  // of an image
  std::vector<GemmSlice> slices_;
  std::vector<Block> blocks_;
  Padded padded_;
};

// What products and convolutions both need.
const char* weights_why_not(const Node& node, const RowTail& tail) {
  const DType dtype = tail.anchor->types[0].dtype;
  if (dtype != DType::f32 && dtype != DType::bf16) return "the dtype is not f32 or bf16";
  if (dtype == DType::bf16 && !has_avx512_bf16()) return "bf16 needs AVX-512 BF16";
  const Tensor& w = node.inputs[static_cast<size_t>(tail.inputs[1])];
  if (!is(w.node(), Op::constant)) return "the weights are no constant";
  const Shape& k = w.shape();
  const int inner = !tail.is_product() || tail.anchor->attr<MatmulAttrs>().transpose_b ? 1 : 0;
  if (dtype == DType::bf16 && k[inner] % 2 != 0) return "the depth is odd";
  const Shape& x = node.inputs[static_cast<size_t>(tail.inputs[0])].shape();
  if (node.types[0].shape.numel() == 0 || x.numel() == 0) return "there is nothing to multiply";
  return nullptr;
}

const char* product_why_not(const Node& node, const RowTail& tail) {
  if (node.inputs[static_cast<size_t>(tail.inputs[1])].rank() != 2 ||
      node.inputs[static_cast<size_t>(tail.inputs[0])].rank() < 2) {
    return "it is a batch of products";
  }
  if (tail.anchor->attr<MatmulAttrs>().transpose_a) return "the left operand is transposed";
  return plain_why_not(node);
}
const char* conv_why_not(const Node& node, const RowTail& tail) {
  const Tensor& x = node.inputs[static_cast<size_t>(tail.inputs[0])];
  if (x.rank() != 4) return "it has not two spatial axes";
  if (tail.anchor->attr<ConvAttrs>().groups != 1) return "it has groups";
  const Layout layout = node.layout(0);
  if (layout == Layout::plain || layout_of(x) != layout) {
    return "its data is neither in blocks of channels nor channels last";
  }
  return whole_layout_why_not(node, tail);
}

// Whether a convolution reads padding, which is then written out.
const char* why_not(const Node& node, bool padding) {
  RowTail tail;
  if (const char* reason = read_row_tail(node, tail)) return reason;
  const bool product = tail.is_product();
  const char* reason = product ? product_why_not(node, tail) : conv_why_not(node, tail);
  if (!reason) reason = weights_why_not(node, tail);
  if (reason) return reason;
  if (product) return padding ? "it has no padding" : nullptr;
  const Shape& x = node.inputs[static_cast<size_t>(tail.inputs[0])].shape();
  const Shape& w = node.inputs[static_cast<size_t>(tail.inputs[1])].shape();
  const auto& a = tail.anchor->attr<ConvAttrs>();
  const Shape& y = node.types[0].shape;
  const bool inside = stays_inside(a, x, w, y);
  if (inside == padding) return padding ? "it has no padding" : "it has padding";
  const double read =
      static_cast<double>(reach(a, w, y, 0)) * static_cast<double>(reach(a, w, y, 1));
  const bool mostly = padding && read > kMostPadding * static_cast<double>(x[2] * x[3]) + 1024;
  return mostly ? "most of what it reads is padding" : nullptr;
}

}  // namespace

const char* panel_why_not(const Node& node) { return why_not(node, false); }
const char* padded_panel_why_not(const Node& node) { return why_not(node, true); }
std::unique_ptr<Call> make_panel_call(const Node& node) {
  return std::make_unique<PanelCall>(node);
}

}  // namespace suan::cpu
