// A convolution, with what happens to its result, as cuDNN's graph of operations.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/driver/operation_graph.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

// Names of tensors in a graph.
enum TensorId : int64_t { kX = 1, kW, kY, kBias, kResidual, kBetween };

// `handle` may be null: then the graph cannot run, only be asked about.
OperationGraph convolution_graph(const ConvolutionSpec& spec, cudnnHandle_t handle);

}  // namespace suan::cuda
