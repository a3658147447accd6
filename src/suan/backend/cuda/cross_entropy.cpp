// Scratch memory: how many rows count, then their losses. SPDX-License-Identifier: Apache-2.0
#include "suan/ops/cross_entropy.h"

#include <fmt/format.h>

#include "suan/backend/cuda/cross_entropy.h"
#include "suan/backend/cuda/kernels/cross_entropy_params.h"
#include "suan/backend/cuda/row_plan.h"
#include "suan/backend/cuda/source.h"

namespace suan::cuda {
namespace {

class CrossEntropyCall final : public Call {
 public:
  explicit CrossEntropyCall(const Node& node) {
    const auto& attrs = node.attr<CrossEntropyAttrs>();
    params_.rows = node.inputs[1].shape().numel();
    params_.length = node.inputs[0].shape().back();
    params_.ignore_index = attrs.ignore_index;
    params_.smoothing = attrs.label_smoothing;
    params_.narrow_labels = node.inputs[1].dtype() == DType::i32;
    params_.kind = Fault::label;
    rows_ = plan_rows("cross_entropy", node.inputs[0].dtype(), params_.rows, params_.length);
    mean_ = OwnKernel(fmt::format("cross_entropy_mean_{}", name(node.types[0].dtype)));
  }
  size_t scratch_bytes() const override {
    return kLosses + static_cast<size_t>(params_.rows) * sizeof(double);
  }
  // A slope is written after its row is read.
  bool may_overwrite(size_t output, size_t input) const override {
    return output == 1 && input == 0;
  }

  void run(const KernelArgs& args) const override {
    CrossEntropyParams params = params_;
    params.x = args.in[0].data;
    params.labels = args.in[1].data;
    params.loss = args.out[0].data;
    params.slope = args.out[1].data;
    params.counted = static_cast<int64_t*>(args.scratch);
    params.row_losses = static_cast<char*>(args.scratch) + kLosses;
    params.fault = args.fault;
    params.step = args.step;
    Gpu& gpu = gpu_of(args);
    const Launch one{.threads = 512};
    count_.launch(gpu, one, params);
    rows_.kernel.launch(gpu, rows_.launch, params);
    if (params.loss) mean_.launch(gpu, one, params);
  }

 private:
  static constexpr size_t kLosses = 256;
  CrossEntropyParams params_{};
  RowPlan rows_;
  OwnKernel count_{"cross_entropy_count"}, mean_;
};

}  // namespace

std::unique_ptr<Call> make_cross_entropy_call(const Node& node) {
  return std::make_unique<CrossEntropyCall>(node);
}

}  // namespace suan::cuda
