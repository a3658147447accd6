// Choosing plans, and running them. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "suan/backend/cuda/driver/cudnn.h"

#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/plan.h"
#include "suan/base/error.h"
#endif

namespace suan::cuda {

Cudnn::Cudnn(std::shared_ptr<Queue> q, Modules& m, const GpuTraits& traits)
    : queue(std::move(q)),
      modules(m),
      machine(fmt::format("{} sm_{}", traits.model, traits.architecture)) {}

#ifndef SUAN_CUDNN

std::string why_no_cudnn() { return "this build had no cuDNN headers"; }
int cudnn_version() { return 0; }

#else

std::string why_no_cudnn() { return cudnn().why_not; }
int cudnn_version() {
  return cudnn().why_not.empty() ? static_cast<int>(cudnn().cudnnGetVersion()) : 0;
}

CudnnHandle::CudnnHandle(std::shared_ptr<Queue> q) : queue(std::move(q)) {
  queue->make_current();
  SUAN_CUDNN_CALL(cudnnCreate(&handle));
  const cudnnStatus_t status = cudnn().cudnnSetStream(handle, queue->work());
  if (status != CUDNN_STATUS_SUCCESS) cudnn().cudnnDestroy(handle);
  check_cudnn(status, "cudnnSetStream");
}
CudnnHandle::~CudnnHandle() {
  if (process_ends()) return;
  queue->make_current();
  cudnn().cudnnDestroy(handle);
}

std::shared_ptr<CudnnHandle> handle_of(Cudnn& c) {
  if (!cudnn().why_not.empty()) throw Error(ErrorCode::kUnsupported, "cuda", cudnn().why_not);
  c.queue->refuse_in_recording("choosing an algorithm");
  if (!c.handle) c.handle = std::make_shared<CudnnHandle>(c.queue);
  c.queue->make_current();
  return c.handle;
}

void Plan::run(const CudnnHandle& handle, const std::vector<int64_t>& ids,
               const std::vector<void*>& data, void* scratch) const {
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, data)
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace ? aligned_scratch(scratch) : nullptr)
      .finalize();
  const auto turn = handle.queue->turn();
  SUAN_CUDNN_CALL(cudnnBackendExecute(handle.handle, plan.raw(), pack.raw()));
}

namespace {

constexpr size_t kPlansTried = 6;
constexpr auto kTrySeconds = std::chrono::seconds(2);  // some plans are compiled first

// Nothing where cuDNN proposed what it then refuses, or what takes too much memory.
std::optional<Plan> make_plan(const CudnnHandle& handle, const Descriptor& config, size_t most) {
  try {
    Plan made;
    made.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle.handle)
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

struct Chosen {
  size_t number;
  Plan plan;
};

// The plan that is fastest on made-up operands.
std::optional<Chosen> fastest_of(Cudnn& c, const std::vector<Descriptor>& configs,
                                 const PlanSearch& search) {
  Trial trial(*c.queue, c.modules);
  const auto run = search.try_out(trial);
  void* scratch = trial.memory(search.scratch_bytes);
  std::optional<Chosen> fastest;
  size_t tries = kPlansTried;
  double best_seconds = 1e30;
  const auto begin = std::chrono::steady_clock::now();
  for (size_t i = 0; i < configs.size() && tries > 0; ++i) {
    if (fastest && std::chrono::steady_clock::now() - begin > kTrySeconds) break;
    auto plan = make_plan(*c.handle, configs[i], search.workspace_bytes);
    if (!plan) continue;
    try {
      const double seconds = trial.seconds([&] { run(*plan, scratch); });
      --tries;
      if (seconds >= best_seconds) continue;
      best_seconds = seconds;
      fastest = Chosen{i, std::move(*plan)};
    } catch (const Error&) {
      continue;
    }
  }
  return fastest;
}
// Nothing too where there is no room to try them out.
std::optional<Chosen> measured(Cudnn& c, const std::vector<Descriptor>& configs,
                               const PlanSearch& search) {
  try {
    return fastest_of(c, configs, search);
  } catch (const OutOfDeviceMemory&) {
    return std::nullopt;
  }
}

}  // namespace

Plan choose_plan(Cudnn& c, std::vector<Descriptor> configs, const PlanSearch& search,
                 Choices& choices) {
  const auto take = [&](size_t i, Plan plan) {
    plan.config = std::move(configs[i]);
    return plan;
  };
  const std::string key =
      fmt::format("{} cudnn {} {}", c.machine, cudnn().cudnnGetVersion(), search.what);
  if (const auto kept = search.measure ? choices.find(key) : std::nullopt) {
    size_t number = configs.size();
    std::from_chars(kept->data(), kept->data() + kept->size(), number);
    if (number < configs.size()) {
      auto plan = make_plan(*c.handle, configs[number], search.workspace_bytes);
      if (plan) return take(number, std::move(*plan));
    }
  }
  if (auto chosen = search.measure ? measured(c, configs, search) : std::nullopt) {
    choices.keep(key, std::to_string(chosen->number));
    return take(chosen->number, std::move(chosen->plan));
  }
  for (size_t i = 0; i < configs.size(); ++i) {
    if (auto plan = make_plan(*c.handle, configs[i], search.workspace_bytes)) {
      return take(i, std::move(*plan));
    }
  }
  fail(ErrorCode::kUnsupported, "cuda", "cuDNN has no engine for {}", search.what);
}

#endif

}  // namespace suan::cuda
