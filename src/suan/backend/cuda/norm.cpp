// One kernel for the rows; gradients of scale and shift are a reduction beside it.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/norm.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "suan/backend/cuda/kernels/norm_params.h"
#include "suan/backend/cuda/reduce_plan.h"
#include "suan/backend/cuda/source.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

void* optional_input(const KernelArgs& args, size_t i) {
  return i < args.in.size() ? args.in[i].data : nullptr;
}

// Of kernels that have a second dtype where it is not x's.
std::string stem(const char* kernel, const char* joint, DType second) {
  return *joint ? fmt::format("{}{}{}", kernel, joint, name(second)) : kernel;
}

class NormCall final : public Call {
 public:
  explicit NormCall(const Node& node) {
    params_.centred = is(node, Op::layer_norm);
    params_.epsilon = node.attr<LayerNormAttrs>().epsilon;
    params_.length = norm_row_length(node);
    params_.rows = node.inputs[0].shape().numel() / params_.length;
    same_ = node.types[0].dtype == node.inputs[0].dtype();
    plan_ = plan_rows(stem("norm", same_ ? "" : "_to_", node.types[0].dtype),
                      node.inputs[0].dtype(), params_.rows, params_.length);
  }
  // Every row reads all of scale and shift.
  bool may_overwrite(size_t output, size_t input) const override {
    return output == 0 && input == 0 && same_;
  }

  void run(const KernelArgs& args) const override {
    NormParams params = params_;
    params.x = args.in[0].data;
    params.scale = optional_input(args, 1);
    params.shift = params.centred ? optional_input(args, 2) : nullptr;
    params.y = args.out[0].data;
    params.mean = params.centred ? args.out[1].data : nullptr;
    params.rstd = args.out[params.centred ? 2 : 1].data;
    plan_.kernel.launch(gpu_of(args), plan_.launch, params);
  }

 private:
  NormParams params_{};
  bool same_;  // dtypes of x and y
  RowPlan plan_;
};

class NormGradientCall final : public Call {
 public:
  explicit NormGradientCall(const Node& node) {
    const DType dtype = node.inputs[0].dtype();
    params_.centred = is(node, Op::layer_norm_gradient);
    params_.length = norm_row_length(node);
    params_.rows = node.inputs[0].shape().numel() / params_.length;
    same_ = node.inputs[1].dtype() == dtype;
    of_ = stem("", same_ ? "" : "_of_", node.inputs[1].dtype());
    rows_ = plan_rows("norm_gradient" + of_, dtype, params_.rows, params_.length);
    joined_ = params_.length > 256 && params_.length <= 8192 && params_.rows >= 64;
    sums_ = joined_
                ? plan_joined(dtype)
                : plan_reduction("norm_scale" + of_, std::string(name(dtype)),
                                 {params_.rows, params_.length}, {true, false}, wide_count(dtype));
  }
  size_t scratch_bytes() const override { return sums_.scratch_bytes; }
  bool may_overwrite(size_t output, size_t input) const override {
    // A row of gx is written after all reads of that row.
    return output == 0 && (input == 0 || (input == 1 && same_));
  }

  void run(const KernelArgs& args) const override {
    NormGradientParams params = params_;
    const size_t statistics = params.centred ? 3 : 2;
    params.x = args.in[0].data;
    params.g = args.in[1].data;
    params.mean = params.centred ? args.in[2].data : nullptr;
    params.rstd = args.in[statistics].data;
    params.scale = optional_input(args, statistics + 1);
    params.gx = args.out[0].data;
    params.gscale = args.out[1].data;
    params.gshift = params.centred ? args.out[2].data : nullptr;
    const bool sums = params.gscale || params.gshift;
    if (sums) sums_.run(gpu_of(args), params, args.scratch);
    if (params.gx && !(sums && joined_)) rows_.kernel.launch(gpu_of(args), rows_.launch, params);
  }

 private:
  // One kernel that computes all gradients. Its blocks have several rows each, so that the sums of
  // a block are few beside them.
  ReducePlan plan_joined(DType dtype) const {
    constexpr int64_t kMultiprocessors = 132, kRows = 4;
    const int64_t each = params_.length <= 4096 ? 8 : 16;  // elements of a thread
    const int64_t threads = (params_.length + 32 * each - 1) / (32 * each) * 32;
    const int64_t resident = kMultiprocessors * std::clamp<int64_t>(1024 / threads, 1, 8);
    const std::string suffix(name(dtype));
    ReducePlan plan;
    plan.shape.outputs = params_.length;
    plan.shape.parts = std::min(resident, (params_.rows + kRows - 1) / kRows);
    plan.kernel = OwnKernel("norm_gradients" + of_ + "_" + std::to_string(each) +
                            (params_.length % wide_count(dtype) == 0 ? "_wide_" : "_") + suffix);
    plan.launch = {.blocks = {static_cast<unsigned>(plan.shape.parts), 1, 1},
                   .threads = static_cast<unsigned>(threads)};
    plan.merge_kernel = OwnKernel("norm_scale_merge_" + suffix);
    plan.merge_launch = {.blocks = {blocks_of(params_.length, 8), 1, 1}};
    plan.scratch_bytes =
        static_cast<size_t>(params_.length * plan.shape.parts) * 2 * size_of(wide(dtype));
    return plan;
  }

  NormGradientParams params_{};
  bool joined_ = false, same_ = true;  // dtypes of x and g
  std::string of_;
  RowPlan rows_;
  ReducePlan sums_;
};

}  // namespace

const char* norm_why_not(const Node& node) {
  const DType x = node.inputs[0].dtype(), second = norm_result_dtype(node);
  if (second != x && x != DType::f32) return "a dtype is neither x's nor of 16 bits beside f32";
  return float_rows_why_not(node);
}
std::unique_ptr<Call> make_norm_call(const Node& node) { return std::make_unique<NormCall>(node); }
std::unique_ptr<Call> make_norm_gradient_call(const Node& node) {
  return std::make_unique<NormGradientCall>(node);
}

}  // namespace suan::cuda
