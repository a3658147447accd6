// Strides and numbers of the ops that only move elements, or write known ones.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/move.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/backend/cuda/mover.h"
#include "suan/backend/cuda/source.h"
#include "suan/ops/arange.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/pad.h"
#include "suan/ops/slice.h"

namespace suan::cuda {
namespace {

class MoveCall final : public Call {
 public:
  MoveCall(const Node& node, const StridedCopies& copies) {
    for (const StridedCopy& c : copies) movers_.emplace_back(c, size_of(node.types[0].dtype));
  }
  void run(const KernelArgs& args) const override {
    for (size_t i = 0; i < movers_.size(); ++i) {
      movers_[i].run(gpu_of(args), args.in[i].data, args.out[0].data);
    }
  }

 private:
  std::vector<Mover> movers_;
};

template <StridedCopies (*kCopies)(const Node&)>
std::unique_ptr<Call> make(const Node& node) {
  return std::make_unique<MoveCall>(node, kCopies(node));
}

// x inside a larger result: element i of the result along an axis is x's element (i - begin) / step
// where there is one.
struct PaddedAxis {
  int64_t size, step, begin, count, from;
};

class PadCall final : public Call {
 public:
  // Axes are innermost first; x's first element is `first` elements into it.
  PadCall(const std::vector<PaddedAxis>& axes, int64_t first, double value, DType dtype)
      : element_(size_of(dtype)) {
    for (const PaddedAxis& axis : axes) add(axis);
    repeat_number(value, dtype, params_.fill);
    const int64_t piece = widest_piece(first);
    if (piece > 1) widen(piece);
    params_.count = 1;
    for (const PaddedAxis& a : axes_) {
      params_.count *= static_cast<uint64_t>(a.size);
      params_.dims[params_.rank++] = {divider(a.size), divider(a.step), a.begin, a.count, a.from};
    }
    first_ = first * static_cast<int64_t>(element_);
    kernel_ = OwnKernel(sized_name("copy_padded", element_ * static_cast<size_t>(piece)));
  }

  void run(const KernelArgs& args) const override {
    PadParams p = params_;
    p.from = args.in[0].as<char>() + first_;
    p.to = args.out[0].data;
    launch_for(kernel_, gpu_of(args), p.count, p);
  }

 private:
  // An axis outside one that x fills is one with it.
  void add(const PaddedAxis& axis) {
    if (!axes_.empty() && axis.step == 1) {
      PaddedAxis& inner = axes_.back();
      const bool full = inner.begin == 0 && inner.count == inner.size && inner.step == 1;
      if (full && axis.from == inner.from * inner.count) {
        inner.begin = axis.begin * inner.size;
        inner.count = axis.count * inner.size;
        inner.size *= axis.size;
        return;
      }
    }
    axes_.push_back(axis);
  }
  int64_t widest_piece(int64_t first) const {
    if (axes_.empty() || axes_[0].from != 1 || axes_[0].step != 1) return 1;
    const auto whole = [&](int64_t piece) {
      const PaddedAxis& line = axes_[0];
      return first % piece == 0 && line.size % piece == 0 && line.begin % piece == 0 &&
             line.count % piece == 0 &&
             std::all_of(axes_.begin() + 1, axes_.end(),
                         [&](const PaddedAxis& a) { return a.from % piece == 0; });
    };
    auto piece = static_cast<int64_t>(16 / element_);
    while (!whole(piece)) piece /= 2;
    return piece;
  }
  void widen(int64_t piece) {
    axes_[0].size /= piece;
    axes_[0].begin /= piece;
    axes_[0].count /= piece;
    for (size_t i = 1; i < axes_.size(); ++i) axes_[i].from /= piece;
  }

  size_t element_;
  int64_t first_ = 0;
  std::vector<PaddedAxis> axes_;
  PadParams params_{};
  OwnKernel kernel_;
};

class FullCall final : public Call {
 public:
  explicit FullCall(const Node& node) : kernel_("splat") {
    params_.bytes = node.types[0].bytes();
    repeat_number(node.attr<FullAttrs>().value, node.types[0].dtype, params_.fill);
  }
  void run(const KernelArgs& args) const override {
    SplatParams p = params_;
    p.to = args.out[0].data;
    launch_for(kernel_, gpu_of(args), p.bytes / 16, p);
  }

 private:
  SplatParams params_{};
  OwnKernel kernel_;
};

class ArangeCall final : public Call {
 public:
  explicit ArangeCall(const Node& node)
      : attrs_(node.attr<ArangeAttrs>()),
        source_(fmt::format("struct P@ {{\n  {0}* y;\n  double start, step;\n  int64_t n;\n}};\n"
                            "SUAN_GLOBAL(@, P@) {{\n"
                            "  for (int64_t i = thread_number(); i < p.n; i += thread_count()) {{\n"
                            "    put(p.y, i, __dadd_rn(p.start, __dmul_rn(double(i), p.step)));\n"
                            "  }}\n}}\n",
                            stored_name(attrs_.dtype))) {}
  void run(const KernelArgs& args) const override {
    struct {
      void* y;
      double start, step;
      int64_t n;
    } const p{args.out[0].data, attrs_.start, attrs_.step, attrs_.count};
    Gpu& gpu = gpu_of(args);
    const unsigned blocks = blocks_for(gpu, p.n, 256);
    source_.launch(gpu, {.blocks = {blocks, 1, 1}, .threads = 256}, &p, sizeof p);
  }

 private:
  ArangeAttrs attrs_;
  Source source_;
};

}  // namespace

const char* reorder_why_not(const Node& node) {
  const Layout blocked = Layout::blocked16;
  if (layout_of(node.inputs[0]) == blocked || node.layout(0) == blocked) {
    return "a layout is one of blocks";
  }
  return node.types[0].dtype == DType::string ? "texts stay on the host" : nullptr;
}

const char* fill_why_not(const Node& node) {
  if (!is_arithmetic(node.types[0].dtype)) return "kernels do not compute with this dtype";
  return is(node, Op::full) ? nullptr : plain_numbers_why_not(node);
}

std::unique_ptr<Call> make_transpose_call(const Node& node) { return make<transpose_copies>(node); }
std::unique_ptr<Call> make_broadcast_call(const Node& node) { return make<broadcast_copies>(node); }
std::unique_ptr<Call> make_slice_call(const Node& node) { return make<slice_copies>(node); }
std::unique_ptr<Call> make_concat_call(const Node& node) { return make<concat_copies>(node); }
std::unique_ptr<Call> make_reorder_call(const Node& node) { return make<reorder_copies>(node); }

// A step backwards is one forwards through x's elements backwards.
std::unique_ptr<Call> make_place_call(const Node& node) {
  const auto& a = node.attr<PlaceAttrs>();
  const Shape& x = node.inputs[0].shape();
  const Shape strides = x.strides();
  std::vector<PaddedAxis> axes;
  int64_t first = 0;
  for (int i = x.rank(); i-- > 0;) {
    const auto d = static_cast<size_t>(i);
    PaddedAxis axis{a.shape[i], x[i] > 1 ? a.steps[d] : 1, a.starts[d], x[i], strides[i]};
    if (axis.step < 0) {
      axis.begin += (x[i] - 1) * axis.step;
      axis.step = -axis.step;
      first += (x[i] - 1) * strides[i];
      axis.from = -axis.from;
    }
    axes.push_back(axis);
  }
  return std::make_unique<PadCall>(axes, first, 0.0, node.types[0].dtype);
}

std::unique_ptr<Call> make_pad_call(const Node& node) {
  const auto& a = node.attr<PadAttrs>();
  const Shape &x = node.inputs[0].shape(), &y = node.types[0].shape;
  const Shape strides = x.strides();
  std::vector<PaddedAxis> axes;
  for (int i = x.rank(); i-- > 0;) {
    axes.push_back({y[i], 1, a.begin[static_cast<size_t>(i)], x[i], strides[i]});
  }
  return std::make_unique<PadCall>(axes, 0, a.value, node.types[0].dtype);
}

std::unique_ptr<Call> make_full_call(const Node& node) { return std::make_unique<FullCall>(node); }
std::unique_ptr<Call> make_arange_call(const Node& node) {
  return std::make_unique<ArangeCall>(node);
}

}  // namespace suan::cuda
