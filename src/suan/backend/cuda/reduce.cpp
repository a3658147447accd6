// Reductions, each by the kernels that have its op's name. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/reduce.h"

#include <algorithm>
#include <iterator>

#include "suan/backend/cuda/reduce_plan.h"
#include "suan/backend/cuda/source.h"
#include "suan/ops/argmax.h"
#include "suan/ops/op.h"
#include "suan/ops/statistics.h"

namespace suan::cuda {
namespace {

std::vector<int64_t> axes_of(const Node& node) {
  if (is(node, Op::argmax) || is(node, Op::argmin)) {
    return {normalize_axis(node.attr<ArgAttrs>().axis, node.inputs[0].rank(), node.op->name)};
  }
  return is(node, Op::var) ? node.attr<VarAttrs>().axes : node.attr<ReduceAttrs>().axes;
}

bool reduces_all_space(const Node& node) {
  const std::vector<int64_t> axes = axes_of(node);
  for (int64_t i = 2; i < node.inputs[0].rank(); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) return false;
  }
  return true;
}

class ReduceCall final : public Call {
 public:
  explicit ReduceCall(const Node& node) {
    const Tensor& x = node.inputs[0];
    std::vector<bool> reduced(static_cast<size_t>(x.rank()), false);
    for (const int64_t axis : axes_of(node)) reduced[static_cast<size_t>(axis)] = true;
    if (layout_of(x) == Layout::channels_last) {
      std::rotate(reduced.begin() + 1, reduced.begin() + 2, reduced.end());
    }
    const bool floats = is_float(x.dtype());
    plan_ = plan_reduction(
        std::string(node.op->name), floats ? std::string(name(x.dtype())) : "integer",
        physical_shape(x.shape(), layout_of(x)), reduced, floats ? wide_count(x.dtype()) : 1);
    params_.dtype = static_cast<int32_t>(x.dtype());
    params_.size = static_cast<int32_t>(size_of(node.types[0].dtype));
    if (is(node, Op::var)) {
      const int64_t correction = node.attr<VarAttrs>().correction;
      params_.number = static_cast<double>(plan_.shape.count - correction);
    }
  }
  size_t scratch_bytes() const override { return plan_.scratch_bytes; }

  void run(const KernelArgs& args) const override {
    ReduceParams params = params_;
    params.x = args.in[0].data;
    params.y = args.out[0].data;
    plan_.run(gpu_of(args), params, args.scratch);
  }

 private:
  ReduceParams params_{};
  ReducePlan plan_;
};

}  // namespace

const char* reduce_why_not(const Node& node) {
  if (!is_arithmetic(node.inputs[0].dtype())) return "kernels do not compute with this dtype";
  if (const char* reason = reduction_why_not(node.types[0].shape.numel())) return reason;
  // Results in the order of memory are then those in the order of axes.
  const bool last = layout_of(node.inputs[0]) == Layout::channels_last && reduces_all_space(node);
  if (last && node.layout(0) == Layout::plain) return nullptr;
  return plain_numbers_why_not(node);
}
std::unique_ptr<Call> make_reduce_call(const Node& node) {
  return std::make_unique<ReduceCall>(node);
}

bool choose_reduce_layouts(const Node& node, NodeLayouts& layouts) {
  constexpr Op kReductions[] = {Op::sum, Op::max, Op::min, Op::prod, Op::var, Op::logsumexp};
  const auto same = [&](Op op) { return is(node, op); };
  if (std::none_of(std::begin(kReductions), std::end(kReductions), same)) return false;
  if (layouts.current[0] == Layout::channels_last && reduces_all_space(node)) {
    layouts.inputs[0] = Layout::channels_last;
  }
  return true;
}

}  // namespace suan::cuda
