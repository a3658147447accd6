// A convolution, with what happens to its result, as cuDNN's graph of operations, and the ways that
// cuDNN proposes to run it. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/cuda/driver/descriptor.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

// Names of tensors in a graph.
enum TensorId : int64_t { kX = 1, kW, kY, kBias, kResidual, kBetween };

struct ConvolutionGraph {
  std::vector<Descriptor> parts;  // tensors and operations: they live as long as the graph
  Descriptor graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
};
// `handle` may be null: then the graph cannot run, only be asked about.
ConvolutionGraph convolution_graph(const ConvolutionSpec& spec, cudnnHandle_t handle);

// Engine configurations that keep to the precision of `spec` and give the same bits in every run,
// best first. `device` describes the GPU where there is no handle.
std::vector<Descriptor> proposals(const ConvolutionSpec& spec, const ConvolutionGraph& graph,
                                  const Descriptor* device = nullptr);

}  // namespace suan::cuda
