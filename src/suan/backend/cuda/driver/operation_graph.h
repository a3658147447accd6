// Graphs of operations as cuDNN takes them, and the ways that it proposes to run one.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "suan/backend/cuda/driver/descriptor.h"
#include "suan/base/dtype.h"

namespace suan::cuda {

struct OperationGraph {
  std::vector<Descriptor> parts;  // tensors and operations: they live as long as the graph
  Descriptor graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
};

// What cuDNN is told of a tensor.
struct TensorInfo {
  int64_t id = 0;  // its name in the graph
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  std::vector<int64_t> sizes, strides;
  bool between = false;   // passes from operation to operation and is never in memory
  bool by_value = false;  // one number, which the host has
};

// One number for each, of one or two operands, or of one where a condition holds and else of the
// other; operands are numbers of parts.
struct PointwiseInfo {
  cudnnPointwiseMode_t mode = CUDNN_POINTWISE_IDENTITY;
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  std::optional<int64_t> axis;  // that is numbered
  size_t to = 0, x = 0;
  std::optional<size_t> b, condition;
};

// Puts a graph together. Parts are known by their number.
class GraphBuilder {
 public:
  size_t add(Descriptor part);  // not yet final
  size_t add_operation(Descriptor operation);
  size_t add_tensor(const TensorInfo& info);
  void add_pointwise(const PointwiseInfo& info);
  const Descriptor& part(size_t i) const { return result_.parts[i]; }
  // `handle` may be null: then the graph cannot run, only be asked about.
  OperationGraph build(cudnnHandle_t handle);

 private:
  OperationGraph result_;
  std::vector<size_t> operations_;
};

cudnnDataType_t cudnn_type(DType dtype);

// Engine configurations that keep to the precision of the operands' dtype and give the same bits in
// every run, best first. `device` describes the GPU where there is no handle.
std::vector<Descriptor> proposals(const OperationGraph& graph, DType dtype, bool tf32,
                                  const Descriptor* device = nullptr);

}  // namespace suan::cuda
