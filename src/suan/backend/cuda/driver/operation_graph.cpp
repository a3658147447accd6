// Putting graphs together, and asking for engines. SPDX-License-Identifier: Apache-2.0
#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/operation_graph.h"

#include <algorithm>
#include <array>

#include "suan/backend/cuda/driver/trial.h"
#include "suan/base/error.h"

namespace suan::cuda {
namespace {

// Whether an engine computes with operands of `dtype` what they allow.
bool is_allowed(DType dtype, bool tf32, const Descriptor& config) {
  const Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.raw();
  config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes = {};
  const size_t count =
      engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, std::span<cudnnBackendNumericalNote_t>(notes));
  const bool full = dtype == DType::f32 || dtype == DType::f64;
  return std::none_of(notes.begin(), notes.begin() + static_cast<std::ptrdiff_t>(count),
                      [&](auto n) {
                        switch (n) {
                          case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
                          case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
                          case CUDNN_NUMERICAL_NOTE_FFT:
                          case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
                          case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
                            return true;
                          case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
                            return dtype == DType::f32 && !tf32;
                          case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
                            return full && !tf32;
                          default:
                            return false;
                        }
                      });
}

}  // namespace

cudnnDataType_t cudnn_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return CUDNN_DATA_DOUBLE;
    case DType::bf16:
      return CUDNN_DATA_BFLOAT16;
    case DType::f16:
      return CUDNN_DATA_HALF;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

size_t GraphBuilder::add(Descriptor part) {
  result_.parts.push_back(std::move(part.finalize()));
  return result_.parts.size() - 1;
}

size_t GraphBuilder::add_operation(Descriptor operation) {
  operations_.push_back(add(std::move(operation)));
  return operations_.back();
}

size_t GraphBuilder::add_tensor(const TensorInfo& info) {
  Descriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, info.type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, info.sizes)
      .set(CUDNN_ATTR_TENSOR_STRIDES, info.strides)
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, info.id)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kOperandAlign)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, info.between);
  if (info.by_value) t.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
  return add(std::move(t));
}

void GraphBuilder::add_pointwise(const PointwiseInfo& info) {
  Descriptor how(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.set(CUDNN_ATTR_POINTWISE_MODE, info.mode).set(CUDNN_ATTR_POINTWISE_MATH_PREC, info.compute);
  if (info.axis) how.set(CUDNN_ATTR_POINTWISE_AXIS, *info.axis);
  const size_t step = add(std::move(how));
  Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, part(step))
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, part(info.x))
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, part(info.to));
  if (info.b) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, part(*info.b));
  if (info.condition) {
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, part(*info.condition));
  }
  add_operation(std::move(operation));
}

OperationGraph GraphBuilder::build(cudnnHandle_t handle) {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const size_t i : operations_) raw.push_back(part(i).raw());
  if (handle) result_.graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
  result_.graph
      .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, raw.size(), raw.data())
      .finalize();
  return std::move(result_);
}

std::vector<Descriptor> proposals(const OperationGraph& graph, DType dtype, bool tf32,
                                  const Descriptor* device) {
  constexpr size_t kMost = 32;
  std::vector<Descriptor> allowed;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    Descriptor search(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    search.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph)
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
    if (device) search.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device);
    std::vector<Descriptor> configs;
    std::vector<cudnnBackendDescriptor_t> raw;
    size_t count = 0;
    try {
      search.finalize();
      for (size_t i = 0; i < kMost; ++i) {
        configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        raw.push_back(configs.back().raw());
      }
      count = search.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, kMost,
                         raw.data());
    } catch (const Error&) {  // a mode that knows nothing for this graph
      continue;
    }
    for (size_t i = 0; i < std::min(count, kMost); ++i) {
      if (is_allowed(dtype, tf32, configs[i])) allowed.push_back(std::move(configs[i]));
    }
  }
  return allowed;
}

}  // namespace suan::cuda
#endif
