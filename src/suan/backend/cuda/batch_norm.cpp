// A reduction for each channel, then one pass over the elements.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/batch_norm.h"

#include <algorithm>

#include "suan/backend/cuda/batch_norm.h"
#include "suan/backend/cuda/kernels/batch_norm_params.h"
#include "suan/backend/cuda/reduce_plan.h"
#include "suan/backend/cuda/source.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

constexpr unsigned kThreads = 256;

class BatchNormCall final : public Call {
 public:
  explicit BatchNormCall(const Node& node) : gradient_(is(node, Op::batch_norm_gradient)) {
    const Type& x = node.types[0];
    const Shape space = physical_shape(x.shape, node.layout(0));
    const bool last = node.layout(0) == Layout::channels_last || space.rank() == 2;
    const int axis = last ? space.rank() - 1 : 1;
    params_.epsilon = node.attr<BatchNormAttrs>().epsilon;
    params_.channels = space[axis];
    statistics_bytes_ = aligned(static_cast<size_t>(params_.channels) * size_of(wide(x.dtype)));
    std::vector<bool> reduced(static_cast<size_t>(space.rank()), true);
    reduced[static_cast<size_t>(axis)] = false;
    sums_ = plan_reduction(gradient_ ? "batch_norm_sums" : "batch_norm_statistics",
                           std::string(name(x.dtype)), space, reduced, wide_count(x.dtype));
    params_.inner = last ? 1 : space.numel(2, space.rank());
    plan_apply(x.dtype, space.numel(), last);
  }
  // Statistics that nobody reads lie behind what the sums take.
  size_t scratch_bytes() const override {
    return aligned(sums_.scratch_bytes) + (gradient_ ? 0 : 2 * statistics_bytes_);
  }
  bool may_overwrite(size_t output, size_t input) const override {
    return output == 0 && input < (gradient_ ? 2 : 1);  // elements that a thread reads, it writes
  }

  void run(const KernelArgs& args) const override {
    BatchNormParams params = params_;
    params.shape = sums_.shape;
    params.x = args.in[0].data;
    params.y = args.out[0].data;
    params.g = gradient_ ? args.in[1].data : nullptr;
    params.scale = args.in[gradient_ ? 2 : 1].data;
    params.shift = gradient_ ? nullptr : args.in[2].data;
    params.mean = gradient_ ? args.in[3].data : statistics(args, 1);
    params.variance = gradient_ ? args.in[4].data : statistics(args, 2);
    params.gscale = gradient_ ? args.out[1].data : nullptr;
    params.gshift = gradient_ ? args.out[2].data : nullptr;
    sums_.run(gpu_of(args), params, args.scratch);
    if (params.y) apply_.launch(gpu_of(args), launch_, params);
  }

 private:
  void* statistics(const KernelArgs& args, size_t output) const {
    if (args.out[output].data) return args.out[output].data;
    return static_cast<char*>(args.scratch) + aligned(sums_.scratch_bytes) +
           (output - 1) * statistics_bytes_;
  }
  void plan_apply(DType dtype, int64_t count, bool last) {
    const int64_t wide = wide_count(dtype);
    const int64_t line = last ? params_.channels : params_.inner;
    const int64_t width = line % wide == 0 ? wide : 1;
    params_.planes = count / line;
    params_.whole = !last && line > 32 * width * 4;
    apply_ = OwnKernel(std::string(gradient_ ? "batch_norm_gradient_" : "batch_norm_") +
                       (last ? "channels" : "planes") + (width > 1 ? "_wide_" : "_") +
                       std::string(name(dtype)));
    launch_ = {.blocks = {blocks_of(params_.planes, params_.whole ? 1 : kThreads / 32), 1, 1},
               .threads = kThreads};
    if (!last) return;
    const int64_t pieces = params_.channels / width;
    params_.across = threads_across(pieces);
    constexpr int64_t kRows = 4;  // that a thread has, where there are enough
    const int64_t rows = kThreads / params_.across * kRows;
    launch_.blocks[0] = blocks_of(pieces, params_.across);
    launch_.blocks[1] = std::min(blocks_of(params_.planes, rows), 65535u);
  }

  bool gradient_;
  size_t statistics_bytes_ = 0;  // of the mean or the variance of all channels
  BatchNormParams params_{};
  ReducePlan sums_;
  OwnKernel apply_;
  Launch launch_;
};

}  // namespace

const char* batch_norm_why_not(const Node& node) {
  if (!is_float(node.inputs[0].dtype())) return "the dtype is not a float";
  const Layout layout = node.layout(0);
  if (layout == Layout::blocked16) return "the layout is blocked";
  for (const Tensor& t : node.inputs) {
    if (t.rank() > 1 && layout_of(t) != layout) return "layouts differ";
  }
  return nullptr;
}
std::unique_ptr<Call> make_batch_norm_call(const Node& node) {
  return std::make_unique<BatchNormCall>(node);
}
std::unique_ptr<Call> make_batch_norm_gradient_call(const Node& node) {
  return std::make_unique<BatchNormCall>(node);
}

bool choose_batch_norm_layouts(const Node& node, NodeLayouts& layouts) {
  const bool gradient = is(node, Op::batch_norm_gradient);
  if (!gradient && !is(node, Op::batch_norm)) return false;
  Layout common = Layout::plain;
  for (size_t i = 0; i < (gradient ? 2 : 1); ++i) {
    if (layouts.current[i] == Layout::channels_last) common = Layout::channels_last;
  }
  for (size_t i = 0; i < (gradient ? 2 : 1); ++i) layouts.inputs[i] = common;
  layouts.outputs[0] = common;
  return true;
}

}  // namespace suan::cuda
