// Numbers of the pooling kernels. The gradient of a max pool finds the largest element of each
// window first, then lets every element of x gather. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/backend/cuda/kernels/pool_params.h"
#include "suan/backend/cuda/own_kernel.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"

namespace suan::cuda {
namespace {

bool is_gradient(const Node& node) {
  return is(node, Op::max_pool_gradient) || is(node, Op::avg_pool_gradient);
}
// Of what is pooled, and of the windows.
const Shape& data_shape(const Node& node) {
  return is(node, Op::avg_pool_gradient) ? node.types[0].shape : node.inputs[0].shape();
}
const Shape& window_shape(const Node& node) {
  if (is(node, Op::max_pool_gradient)) return node.inputs[1].shape();
  return is(node, Op::avg_pool_gradient) ? node.inputs[0].shape() : node.types[0].shape;
}

// Channels that a thread has.
int64_t at_once(const Node& node) {
  const auto most = static_cast<int64_t>(16 / size_of(node.types[0].dtype));
  return node.layout(0) == Layout::channels_last && data_shape(node)[1] % most == 0 ? most : 1;
}
OwnKernel kernel_of(const Node& node, std::string_view function) {
  return OwnKernel(fmt::format("{}_{}{}", function, at_once(node) > 1 ? "wide_" : "",
                               name(node.types[0].dtype)));
}

PoolParams params_of(const Node& node) {
  const Shape &x = data_shape(node), &y = window_shape(node);
  const PoolAttrs a = complete(node.attr<PoolAttrs>(), x.rank() - 2, node.op->name);
  PoolParams p{};
  const int64_t each = at_once(node);
  p.count = static_cast<uint64_t>(node.types[0].shape.numel() / each);
  p.inner = divider(node.layout(0) == Layout::channels_last ? x[1] / each : 1);
  const PoolAxis none{divider(1), divider(1), divider(1), divider(1), 1, 0};
  std::fill_n(p.axes, 3, none);
  int64_t window = 1;
  for (int s = 2; s < x.rank(); ++s) {
    const auto d = static_cast<size_t>(s - 2);
    p.axes[3 - x.rank() + s] = {divider(x[s]),        divider(y[s]),
                                divider(a.stride[d]), divider(dilation_of(a, d)),
                                a.kernel[d],          a.pad_begin[d]};
    window *= a.kernel[d];
  }
  p.share = a.count_padding ? 1 / static_cast<double>(window) : 0;
  return p;
}

class PoolCall final : public Call {
 public:
  explicit PoolCall(const Node& node)
      : params_(params_of(node)), kernel_(kernel_of(node, node.op->name)) {}
  void run(const KernelArgs& args) const override {
    PoolParams p = params_;
    p.x = p.g = args.in[0].data;
    p.y = args.out[0].data;
    launch_for(kernel_, gpu_of(args), p.count, p);
  }

 private:
  PoolParams params_;
  OwnKernel kernel_;
};

class MaxPoolGradientCall final : public Call {
 public:
  explicit MaxPoolGradientCall(const Node& node)
      : params_(params_of(node)),
        windows_(static_cast<uint64_t>(window_shape(node).numel())),
        each_(static_cast<uint64_t>(at_once(node))),
        choose_(kernel_of(node, "max_pool_choose")),
        gather_(kernel_of(node, "max_pool_gradient")) {}
  size_t scratch_bytes() const override { return windows_ * sizeof(uint16_t); }
  void run(const KernelArgs& args) const override {
    PoolParams p = params_;
    p.x = args.in[0].data;
    p.g = args.in[1].data;
    p.y = args.out[0].data;
    p.chosen = static_cast<uint16_t*>(args.scratch);
    PoolParams choice = p;
    choice.count = windows_ / each_;
    launch_for(choose_, gpu_of(args), choice.count, choice);
    launch_for(gather_, gpu_of(args), p.count, p);
  }

 private:
  PoolParams params_;
  uint64_t windows_, each_;
  OwnKernel choose_, gather_;
};

bool is_pool(const Node& node) {
  return is(node, Op::max_pool) || is(node, Op::avg_pool) || is_gradient(node);
}

}  // namespace

const char* pool_why_not(const Node& node) {
  if (!is_float(node.types[0].dtype)) return "the dtype is not a float";
  const Shape &x = data_shape(node), &y = window_shape(node);
  if (x.rank() < 3 || x.rank() > 5) return "there are not one to three spatial axes";
  if (x.numel() == 0 || y.numel() == 0) return "there is nothing to pool";
  const Layout layout = node.layout(0);
  const bool one = std::all_of(node.inputs.begin(), node.inputs.end(),
                               [&](const Tensor& t) { return layout_of(t) == layout; });
  if (!one || layout == Layout::blocked16) return "the layouts are not one, plain or channels last";
  constexpr int64_t kMost = 1 << 30;    // positions of 32 bits
  constexpr int64_t kWindow = 1 << 16;  // elements that are told apart by 16 bits
  const PoolAttrs a = complete(node.attr<PoolAttrs>(), x.rank() - 2, node.op->name);
  int64_t window = 1;
  for (int s = 2; s < x.rank(); ++s) {
    const auto d = static_cast<size_t>(s - 2);
    window *= std::min(a.kernel[d], kMost);
    const bool fits = x[s] < kMost && a.kernel[d] < kMost && a.stride[d] < kMost &&
                      dilation_of(a, d) < kMost && a.kernel[d] * dilation_of(a, d) < kMost &&
                      y[s] * a.stride[d] < kMost;
    if (!fits) return "an axis is too long";
    if (window > kMost) return "a window is too large";
  }
  if (is(node, Op::max_pool_gradient) && window > kWindow) return "a window is too large";
  return x.numel(2, x.rank()) < kMost ? nullptr : "there are too many positions";
}

std::unique_ptr<Call> make_pool_call(const Node& node) { return std::make_unique<PoolCall>(node); }
std::unique_ptr<Call> make_max_pool_gradient_call(const Node& node) {
  return std::make_unique<MaxPoolGradientCall>(node);
}

bool choose_pool_layouts(const Node& node, NodeLayouts& layouts) {
  if (!is_pool(node) || pool_why_not(node)) return false;
  const bool last = std::find(layouts.current.begin(), layouts.current.end(),
                              Layout::channels_last) != layouts.current.end();
  if (!last) return true;
  std::fill(layouts.inputs.begin(), layouts.inputs.end(), Layout::channels_last);
  layouts.outputs[0] = Layout::channels_last;
  return true;
}

}  // namespace suan::cuda
