// Convolutions as plans of cuDNN. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/convolution.h"

#include "suan/base/error.h"

#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/convolution_graph.h"
#include "suan/backend/cuda/driver/plan.h"
#endif

namespace suan::cuda {

#ifndef SUAN_CUDNN

std::unique_ptr<Convolution> Convolutions::make(const ConvolutionSpec&) {
  throw Error(ErrorCode::kUnsupported, "cuda", why_no_cudnn());
}

#else

namespace {

// What the three operands of each kind of convolution are, in the order of Convolution::run.
std::vector<int64_t> ids_of(const ConvolutionSpec& spec) {
  std::vector<int64_t> ids;
  switch (spec.kind) {
    case ConvolutionKind::forward:
      ids = {kX, kW, kY};
      break;
    case ConvolutionKind::data_gradient:
      ids = {kY, kW, kX};
      break;
    case ConvolutionKind::weight_gradient:
      ids = {kX, kY, kW};
      break;
  }
  if (spec.epilogue.bias) ids.push_back(kBias);
  if (spec.epilogue.residual) ids.push_back(kResidual);
  return ids;
}

class CudnnConvolution final : public Convolution {
 public:
  CudnnConvolution(std::shared_ptr<CudnnHandle> handle, const ConvolutionSpec& spec)
      : handle_(std::move(handle)),
        spec_(spec),
        ids_(ids_of(spec)),
        graph_(convolution_graph(spec, handle_->handle)) {}

  void run(const void* a, const void* b, const void* bias, const void* residual, void* result,
           void* scratch) const override {
    std::vector<void*> data{const_cast<void*>(a), const_cast<void*>(b), result};
    if (spec_.epilogue.bias) data.push_back(const_cast<void*>(bias));
    if (spec_.epilogue.residual) data.push_back(const_cast<void*>(residual));
    plan_.run(*handle_, ids_, data, scratch);
  }

  // Once, before it runs.
  void choose(Cudnn& cudnn, Choices& choices, std::string what) {
    plan_ = choose_plan(cudnn, proposals(graph_, spec_.dtype, spec_.tf32),
                        {.what = std::move(what),
                         .measure = spec_.measure,
                         .scratch_bytes = spec_.scratch_bytes,
                         .workspace_bytes = scratch_within(spec_.scratch_bytes),
                         .try_out = [this](Trial& trial) { return on_trial(trial); }},
                        choices);
  }

 private:
  std::function<void(const Plan&, void*)> on_trial(Trial& trial) const {
    const auto made_up = [&](const std::vector<int64_t>& sizes) -> void* {
      int64_t elements = 1;
      for (const int64_t size : sizes) elements *= size;
      return trial.made_up(spec_.dtype, elements);
    };
    void* operands[] = {made_up(spec_.x), made_up(spec_.w), made_up(spec_.y)};
    std::vector<void*> data;
    for (size_t i = 0; i < 3; ++i) data.push_back(operands[ids_[i] - kX]);
    if (spec_.epilogue.bias) data.push_back(trial.made_up(spec_.dtype, spec_.y[1]));
    if (spec_.epilogue.residual) data.push_back(made_up(spec_.y));
    return
        [this, data](const Plan& plan, void* scratch) { plan.run(*handle_, ids_, data, scratch); };
  }

  std::shared_ptr<CudnnHandle> handle_;
  ConvolutionSpec spec_;
  std::vector<int64_t> ids_;
  OperationGraph graph_;
  Plan plan_;
};

std::string text_of(const ConvolutionSpec& s) {
  std::string text =
      fmt::format("{} {} {} {} {}{} {}", static_cast<int>(s.kind), name(s.dtype),
                  s.tf32 ? "tf32" : "full", s.groups, s.epilogue.bias ? "b" : "-",
                  s.epilogue.residual ? "r" : "-", static_cast<int>(s.epilogue.activation));
  for (const auto* sizes : {&s.x, &s.w, &s.y, &s.stride, &s.dilation, &s.before, &s.after}) {
    text += " |";
    for (const int64_t size : *sizes) text += fmt::format(" {}", size);
  }
  return text;
}

}  // namespace

std::unique_ptr<Convolution> Convolutions::make(const ConvolutionSpec& spec) {
  if (!is_float(spec.dtype)) {
    fail(ErrorCode::kUnsupported, "cuda", "cuDNN is not asked for convolutions of {}",
         name(spec.dtype));
  }
  const std::lock_guard lock(cudnn_.mutex);
  auto convolution = std::make_unique<CudnnConvolution>(handle_of(cudnn_), spec);
  convolution->choose(cudnn_, choices_, "convolution " + text_of(spec));
  return convolution;
}

#endif

}  // namespace suan::cuda
