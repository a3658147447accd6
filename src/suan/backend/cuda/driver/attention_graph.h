// Attention and its gradient as cuDNN's graphs of operations.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/driver/operation_graph.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

// Names of the tensors of a graph that do not only pass from operation to operation.
enum AttentionTensor : int64_t {
  kQueries = 1,
  kKeys,
  kValues,
  kResult,
  kLogsumexp,
  kResultGradient,
  kQueryGradient,
  kKeyGradient,
  kValueGradient,
  kDelta,  // f32[b, h, t]: what the gradient keeps from its first kernel for the next
  // Numbers that the host has.
  kScale,
  kHidden,  // the score of a key that a query does not see
  kOne,
  kKeyCount,
  kQueryCount,
  kFirstBetween
};

// `handle` may be null: then the graph cannot run, only be asked about. A causal graph where t and
// s differ has kKeyCount and kQueryCount, in i32.
OperationGraph attention_graph(const AttentionSpec& spec, cudnnHandle_t handle);

}  // namespace suan::cuda
