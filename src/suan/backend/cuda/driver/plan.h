// Plans of cuDNN: one of the ways that it proposes to run a graph of operations, made ready.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suan/backend/cuda/driver/choices.h"
#include "suan/backend/cuda/driver/cudnn.h"
#include "suan/backend/cuda/driver/descriptor.h"
#include "suan/backend/cuda/driver/trial.h"

namespace suan::cuda {

struct CudnnHandle {
  explicit CudnnHandle(std::shared_ptr<Queue> q);
  ~CudnnHandle();
  CudnnHandle(const CudnnHandle&) = delete;
  CudnnHandle& operator=(const CudnnHandle&) = delete;
  std::shared_ptr<Queue> queue;
  cudnnHandle_t handle = nullptr;
};
// The handle of `cudnn`, whose mutex the caller holds. Throws Error(kUnsupported) without cuDNN and
// while work is recorded, since choosing a plan sends work.
std::shared_ptr<CudnnHandle> handle_of(Cudnn& cudnn);

struct Plan {
  Descriptor plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  std::optional<Descriptor> config;  // lives as long, once it is chosen
  size_t workspace = 0;

  // Sends it. `data` are the tensors that have these ids in the graph: addresses on the GPU, on the
  // host for numbers that are given by value.
  void run(const CudnnHandle& handle, const std::vector<int64_t>& ids,
           const std::vector<void*>& data, void* scratch) const;
};

struct PlanSearch {
  std::string what;            // is to be computed: names it in the cache and in messages
  bool measure = true;         // false: the first that cuDNN proposes
  size_t scratch_bytes = 0;    // that there are while it is tried out
  size_t workspace_bytes = 0;  // of them a plan may use so much
  // Makes operands up and gives what runs a plan on them.
  std::function<std::function<void(const Plan&, void* scratch)>(Trial&)> try_out;
};
// Of these engine configurations, best first: the one in the cache, or the fastest of the first
// few, or the first that can be used. The caller holds the mutex of `cudnn`. Throws
// Error(kUnsupported) where there is none.
Plan choose_plan(Cudnn& cudnn, std::vector<Descriptor> configs, const PlanSearch& search,
                 Choices& choices);

}  // namespace suan::cuda
