// Rows where the axis is the last, else columns. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/softmax.h"

#include <fmt/format.h>

#include "suan/backend/cuda/kernels/softmax_params.h"
#include "suan/backend/cuda/row_plan.h"
#include "suan/backend/cuda/source.h"
#include "suan/ops/op.h"
#include "suan/ops/softmax.h"

namespace suan::cuda {
namespace {

class SoftmaxCall final : public Call {
 public:
  explicit SoftmaxCall(const Node& node) {
    const Shape& shape = node.types[0].shape;
    const DType dtype = node.types[0].dtype;
    const int axis = normalize_axis(node.attr<AxisAttrs>().axis, shape.rank(), "softmax");
    params_.length = shape[axis];
    params_.lines = shape.numel() / shape[axis];
    params_.inner = shape.numel(axis + 1, shape.rank());
    params_.log = is(node, Op::log_softmax);
    if (params_.inner == 1) {
      plan_ = plan_rows("softmax", dtype, params_.lines, params_.length);
      return;
    }
    params_.across = threads_across(params_.inner);
    plan_ = {OwnKernel(fmt::format("softmax_columns_{}", name(dtype))),
             {.blocks = {blocks_of(params_.lines, params_.across), 1, 1}, .threads = 256}};
  }

  void run(const KernelArgs& args) const override {
    SoftmaxParams params = params_;
    params.x = args.in[0].data;
    params.y = args.out[0].data;
    plan_.kernel.launch(gpu_of(args), plan_.launch, params);
  }

 private:
  SoftmaxParams params_{};
  RowPlan plan_;
};

}  // namespace

std::unique_ptr<Call> make_softmax_call(const Node& node) {
  return std::make_unique<SoftmaxCall>(node);
}

}  // namespace suan::cuda
