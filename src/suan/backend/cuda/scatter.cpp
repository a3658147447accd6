// The row that an update goes to is its key. Few updates look for their equals by comparing all
// keys; many are sorted by key, which puts those of a row together in the order they came in.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/scatter.h"

#include <fmt/format.h>

#include "suan/backend/cuda/gather.h"
#include "suan/backend/cuda/kernels/scatter_params.h"
#include "suan/backend/cuda/key_sort.h"
#include "suan/backend/cuda/move.h"
#include "suan/backend/cuda/mover.h"
#include "suan/ops/gather.h"
#include "suan/ops/op.h"
#include "suan/ops/segment.h"

namespace suan::cuda {
namespace {

constexpr int64_t kFew = 512;         // updates that are not worth sorting
constexpr int64_t kMost = INT32_MAX;  // keys of 32 bits

// y [outer, size, inner] and updates [outer, count, inner].
struct Sizes {
  int64_t outer = 1, size = 1, inner = 1, count = 0;
};

class ScatterCall final : public Call {
 public:
  ScatterCall(const Sizes& s, DType dtype, Combine combine)
      : count_(s.count), sort_(s.count, s.size) {
    keys_.count = params_.count = static_cast<uint32_t>(s.count);
    keys_.none = params_.none = static_cast<uint32_t>(s.size);
    keys_.axis_step = 1;
    list_size_ = s.size;
    params_.size = s.size;
    params_.outer = divider(s.outer);
    if (combine == Combine::set) {
      choose_set(s.inner, size_of(dtype));
    } else {
      choose(s.inner, dtype, combine);
    }
    const int64_t columns = s.outer * static_cast<int64_t>(params_.inner.by);
    params_.threads = static_cast<uint64_t>(s.count * columns);
    pieces_ = (s.count + kRunPiece - 1) / kRunPiece;
    join_threads_ = joins_ ? static_cast<uint64_t>((pieces_ - 1) * columns) : 0;
    partial_bytes_ =
        joins_ ? static_cast<size_t>(2 * pieces_ * s.outer * s.inner) * wide_size(dtype) : 0;
  }
  // Keys that are positions of single elements of x, of this shape.
  void index_along(const Shape& indices, const Shape& x, int axis) {
    keys_.rank = along_dims(indices, x, axis, keys_.dims);
    keys_.axis_step = x.strides()[axis];
    list_size_ = x[axis];
  }
  // Rows begin with their first update, and are zero without one.
  void begin_with_zeros() {
    zeros_ = true;
    params_.fresh = 1;
  }

  size_t scratch_bytes() const override {
    return is_few() ? sort_.scratch_bytes() : sorted_bytes() + partial_bytes_;
  }
  bool may_overwrite(size_t /*output*/, size_t input) const override {
    return input == 0 && !zeros_;
  }

  void run(const KernelArgs& args) const override {
    Gpu& gpu = gpu_of(args);
    const Operand& y = args.out[0];
    if (zeros_) {
      gpu.clear(y.data, y.type.bytes());
    } else if (y.data != args.in[0].data) {
      gpu.copy(y.data, args.in[0].data, y.type.bytes());
    }
    if (count_ == 0 || params_.threads == 0) return;
    KeysParams keys = keys_;
    keys.keys = sort_.keys(args.scratch);
    keys.list = index_list(args, list_size_);
    launch_for(make_keys_, gpu, keys.count, keys);
    ScatterParams p = params_;
    p.y = y.data;
    p.updates = args.in[zeros_ ? 0 : 2].data;
    p.keys = keys.keys;
    if (!is_few()) {
      const KeySort::Sorted sorted = sort_.sort(gpu, args.scratch);
      p.keys = sorted.keys;
      p.order = sorted.order;
      p.partial = static_cast<char*>(args.scratch) + sorted_bytes();
    }
    launch_for(kernel_, gpu, p.threads, p);
    if (join_threads_ == 0) return;
    p.threads = join_threads_;
    launch_for(join_, gpu, p.threads, p);
  }

 private:
  bool is_few() const { return count_ <= kFew; }
  size_t sorted_bytes() const { return (sort_.scratch_bytes() + 255) / 256 * 256; }
  static size_t wide_size(DType dtype) {
    return is_float(dtype) && dtype != DType::f64 ? sizeof(float) : sizeof(double);
  }
  void choose_set(int64_t inner, size_t element) {
    const int64_t piece = elements_at_once(inner, element);
    params_.inner = divider(inner / piece);
    kernel_ = OwnKernel(
        sized_name(is_few() ? "set_few" : "set_runs", element * static_cast<size_t>(piece)));
  }
  void choose(int64_t inner, DType dtype, Combine combine) {
    const auto most = static_cast<int64_t>(16 / size_of(dtype));
    const bool wide = is_float(dtype) && inner % most == 0;
    const std::string suffix = fmt::format("{}{}", wide ? "wide_" : "", name(dtype));
    params_.inner = divider(wide ? inner / most : inner);
    constexpr Combining kHow[] = {Combining::add, Combining::add, Combining::mul, Combining::max,
                                  Combining::min};
    params_.combining = kHow[static_cast<int>(combine)];
    kernel_ = OwnKernel(fmt::format("scatter_{}_{}", is_few() ? "few" : "runs", suffix));
    join_ = OwnKernel("scatter_join_" + suffix);
    joins_ = !is_few();
  }

  int64_t count_, list_size_ = 1, pieces_ = 0;
  uint64_t join_threads_ = 0;
  size_t partial_bytes_ = 0;
  bool joins_ = false, zeros_ = false;
  KeysParams keys_{};
  ScatterParams params_{};
  KeySort sort_;
  OwnKernel make_keys_{"index_keys_u32"}, kernel_, join_;
};

// x [outer, size, inner] around this axis.
Sizes sizes_of(const Node& node, int64_t axis) {
  const Shape& x = node.inputs[0].shape();
  const int a = normalize_axis(axis, x.rank(), "axis");
  return {x.numel(0, a), x[a], x.numel(a + 1, x.rank()), node.inputs[1].shape().numel()};
}

}  // namespace

const char* scatter_why_not(const Node& node) {
  if (!is_arithmetic(node.types[0].dtype)) return "kernels do not compute with this dtype";
  if (node.inputs[1].shape().numel() > kMost) return "there are too many indices";
  const bool elements = is(node, Op::put_along_axis);
  const int64_t rows = elements ? node.types[0].shape.numel() : 0;
  for (int64_t size : node.types[0].shape) {
    if (std::max(size, rows) > kMost) return "there are too many places";
  }
  return plain_numbers_why_not(node);
}

std::unique_ptr<Call> make_scatter_call(const Node& node) {
  const auto& attrs = node.attr<ScatterAttrs>();
  return std::make_unique<ScatterCall>(sizes_of(node, attrs.axis), node.types[0].dtype,
                                       attrs.combine);
}

std::unique_ptr<Call> make_put_along_axis_call(const Node& node) {
  const auto& attrs = node.attr<ScatterAttrs>();
  const Shape &x = node.inputs[0].shape(), &indices = node.inputs[1].shape();
  const Sizes sizes{.size = x.numel(), .count = indices.numel()};
  auto call = std::make_unique<ScatterCall>(sizes, node.types[0].dtype, attrs.combine);
  call->index_along(indices, x, normalize_axis(attrs.axis, x.rank(), "axis"));
  return call;
}

std::unique_ptr<Call> make_segment_max_call(const Node& node) {
  const Shape &x = node.inputs[0].shape(), &y = node.types[0].shape;
  const Sizes sizes{.size = y[0], .inner = y.numel(1, y.rank()), .count = x[0]};
  auto call = std::make_unique<ScatterCall>(sizes, node.types[0].dtype, Combine::max);
  call->begin_with_zeros();
  return call;
}

}  // namespace suan::cuda
