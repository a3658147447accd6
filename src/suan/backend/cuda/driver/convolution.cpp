// Choosing and running plans of cuDNN. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/convolution.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "suan/backend/cuda/driver/trial.h"
#include "suan/base/error.h"

#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/convolution_graph.h"
#endif

namespace suan::cuda {

Convolutions::Convolutions(std::shared_ptr<Queue> queue, Modules& modules, const GpuTraits& traits)
    : queue_(std::move(queue)),
      modules_(modules),
      machine_(fmt::format("{} sm_{}", traits.model, traits.architecture)) {}

#ifndef SUAN_CUDNN

struct CudnnHandle {};
std::string why_no_cudnn() { return "this build had no cuDNN headers"; }
std::unique_ptr<Convolution> Convolutions::make(const ConvolutionSpec&) {
  throw Error(ErrorCode::kUnsupported, "cuda", why_no_cudnn());
}

#else

struct CudnnHandle {
  explicit CudnnHandle(std::shared_ptr<Queue> q) : queue(std::move(q)) {
    queue->make_current();
    SUAN_CUDNN_CALL(cudnnCreate(&handle));
    const cudnnStatus_t status = cudnn().cudnnSetStream(handle, queue->work());
    if (status != CUDNN_STATUS_SUCCESS) cudnn().cudnnDestroy(handle);
    check_cudnn(status, "cudnnSetStream");
  }
  ~CudnnHandle() {
    if (process_ends()) return;
    queue->make_current();
    cudnn().cudnnDestroy(handle);
  }
  CudnnHandle(const CudnnHandle&) = delete;
  CudnnHandle& operator=(const CudnnHandle&) = delete;
  std::shared_ptr<Queue> queue;
  cudnnHandle_t handle = nullptr;
};

namespace {

constexpr size_t kPlansTried = 6;
constexpr auto kTrySeconds = std::chrono::seconds(2);  // some plans are compiled first

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

struct Plan {
  Descriptor plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  std::optional<Descriptor> config;  // lives as long, once it is chosen
  size_t workspace = 0;
};

// Nothing where cuDNN proposed what it then refuses, or what takes too much memory.
std::optional<Plan> make_plan(cudnnHandle_t handle, const Descriptor& config, size_t most) {
  try {
    Plan made;
    made.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle)
        .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
        .finalize();
    int64_t workspace = 0;
    made.plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, std::span(&workspace, 1));
    if (workspace > static_cast<int64_t>(most)) return std::nullopt;
    made.workspace = static_cast<size_t>(std::max<int64_t>(workspace, 0));
    return made;
  } catch (const Error&) {
    return std::nullopt;
  }
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
    void* workspace = plan_.workspace ? aligned_scratch(scratch) : nullptr;
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids_)
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, data)
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
        .finalize();
    const auto turn = handle_->queue->turn();
    SUAN_CUDNN_CALL(cudnnBackendExecute(handle_->handle, plan_.plan.raw(), pack.raw()));
  }

  std::vector<Descriptor> configs() const { return proposals(spec_, graph_); }

  // Takes one of these; false, and it is still there: cuDNN refuses it after all.
  bool take(Descriptor& config) {
    auto plan = make_plan(handle_->handle, config, scratch_within(spec_.scratch_bytes));
    if (!plan) return false;
    plan_ = std::move(*plan);
    plan_.config = std::move(config);
    return true;
  }

  // Takes the one that is fastest on made-up operands; its number.
  std::optional<size_t> take_fastest(std::vector<Descriptor>& configs, Modules& modules) {
    Trial trial(*handle_->queue, modules);
    const auto made_up = [&](const std::vector<int64_t>& sizes) -> void* {
      int64_t elements = 1;
      for (const int64_t size : sizes) elements *= size;
      return trial.made_up(spec_.dtype, elements);
    };
    void* operands[] = {made_up(spec_.x), made_up(spec_.w), made_up(spec_.y)};
    const void* bias = spec_.epilogue.bias ? trial.made_up(spec_.dtype, spec_.y[1]) : nullptr;
    const void* residual = spec_.epilogue.residual ? made_up(spec_.y) : nullptr;
    const auto operand = [&](size_t i) { return operands[ids_[i] - kX]; };
    std::optional<size_t> fastest;
    Plan best;
    size_t tries = kPlansTried;
    double best_seconds = 1e30;
    const auto begin = std::chrono::steady_clock::now();
    for (size_t i = 0; i < configs.size() && tries > 0; ++i) {
      if (fastest && std::chrono::steady_clock::now() - begin > kTrySeconds) break;
      auto plan = make_plan(handle_->handle, configs[i], scratch_within(spec_.scratch_bytes));
      if (!plan) continue;
      try {
        plan_ = std::move(*plan);
        Trial scratch(*handle_->queue, modules);
        void* workspace = scratch.memory(spec_.scratch_bytes);
        const double seconds = scratch.seconds(
            [&] { run(operand(0), operand(1), bias, residual, operand(2), workspace); });
        --tries;
        if (seconds >= best_seconds) continue;
        best_seconds = seconds;
        fastest = i;
        std::swap(best, plan_);
      } catch (const OutOfDeviceMemory&) {
        throw;
      } catch (const Error&) {
        continue;
      }
    }
    if (!fastest) return fastest;
    plan_ = std::move(best);
    plan_.config = std::move(configs[*fastest]);
    return fastest;
  }

 private:
  std::shared_ptr<CudnnHandle> handle_;
  ConvolutionSpec spec_;
  std::vector<int64_t> ids_;
  ConvolutionGraph graph_;
  Plan plan_;
};

std::string key_of(const ConvolutionSpec& s) {
  std::string key =
      fmt::format("{} {} {} {} {}{} {}", static_cast<int>(s.kind), name(s.dtype),
                  s.tf32 ? "tf32" : "full", s.groups, s.epilogue.bias ? "b" : "-",
                  s.epilogue.residual ? "r" : "-", static_cast<int>(s.epilogue.activation));
  for (const auto* sizes : {&s.x, &s.w, &s.y, &s.stride, &s.dilation, &s.before, &s.after}) {
    key += " |";
    for (const int64_t size : *sizes) key += fmt::format(" {}", size);
  }
  return key;
}

}  // namespace

std::string why_no_cudnn() { return cudnn().why_not; }

std::unique_ptr<Convolution> Convolutions::make(const ConvolutionSpec& spec) {
  if (!cudnn().why_not.empty()) throw Error(ErrorCode::kUnsupported, "cuda", cudnn().why_not);
  if (!is_float(spec.dtype)) {
    fail(ErrorCode::kUnsupported, "cuda", "cuDNN is not asked for convolutions of {}",
         name(spec.dtype));
  }
  queue_->refuse_in_recording("choosing an algorithm");
  const std::lock_guard lock(mutex_);
  if (!handle_) handle_ = std::make_shared<CudnnHandle>(queue_);
  queue_->make_current();
  auto convolution = std::make_unique<CudnnConvolution>(handle_, spec);
  std::vector<Descriptor> configs = convolution->configs();
  const std::string key =
      fmt::format("{} cudnn {} {}", machine_, cudnn().cudnnGetVersion(), key_of(spec));
  if (const auto kept = spec.measure ? choices_.find(key) : std::nullopt) {
    size_t number = configs.size();
    std::from_chars(kept->data(), kept->data() + kept->size(), number);
    if (number < configs.size() && convolution->take(configs[number])) return convolution;
  }
  if (spec.measure) {
    try {
      if (const auto chosen = convolution->take_fastest(configs, modules_)) {
        choices_.keep(key, std::to_string(*chosen));
        return convolution;
      }
    } catch (const OutOfDeviceMemory&) {  // no room to try them out
    }
  }
  for (Descriptor& config : configs) {
    if (convolution->take(config)) return convolution;
  }
  fail(ErrorCode::kUnsupported, "cuda", "cuDNN has no engine for convolution {}", key_of(spec));
}

#endif

}  // namespace suan::cuda
