// Graphs of convolutions. Sizes are given as [n, c, spatial...] whatever lies in memory: strides
// say that channels come last. SPDX-License-Identifier: Apache-2.0
#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/convolution_graph.h"

namespace suan::cuda {
namespace {

using Sizes = std::vector<int64_t>;

cudnnDataType_t compute_type(DType dtype) {
  return dtype == DType::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
}

cudnnPointwiseMode_t mode_of(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return CUDNN_POINTWISE_RELU_FWD;
    case Activation::gelu:
      return CUDNN_POINTWISE_GELU_FWD;
    case Activation::gelu_tanh:
      return CUDNN_POINTWISE_GELU_APPROX_TANH_FWD;
    case Activation::sigmoid:
      return CUDNN_POINTWISE_SIGMOID_FWD;
    case Activation::silu:
      return CUDNN_POINTWISE_SWISH_FWD;
    case Activation::none:
      break;
  }
  return CUDNN_POINTWISE_IDENTITY;
}

// cuDNN wants two spatial dimensions at least.
Sizes planar(const Sizes& sizes, size_t leading, int64_t added) {
  Sizes result = sizes;
  if (result.size() == leading + 1) {
    result.insert(result.begin() + static_cast<std::ptrdiff_t>(leading), added);
  }
  return result;
}

Sizes channels_last(const Sizes& sizes) {
  Sizes strides(sizes.size());
  strides[1] = 1;
  int64_t stride = sizes[1];
  for (size_t i = sizes.size() - 1; i >= 2; --i) {
    strides[i] = stride;
    stride *= sizes[i];
  }
  strides[0] = stride;
  return strides;
}

class Builder {
 public:
  explicit Builder(const ConvolutionSpec& spec)
      : spec_(spec),
        x_(planar(spec.x, 2, 1)),
        w_(planar(spec.w, 2, 1)),
        y_(planar(spec.y, 2, 1)),
        compute_(compute_type(spec.dtype)) {}

  OperationGraph build(cudnnHandle_t handle) {
    add_convolution();
    if (spec_.kind == ConvolutionKind::forward) add_epilogue();
    return graph_.build(handle);
  }

 private:
  const Descriptor& part(size_t i) const { return graph_.part(i); }

  size_t tensor(int64_t id, const Sizes& sizes) {
    const bool between = id >= kBetween;
    return graph_.add_tensor({.id = id,
                              .type = between ? compute_ : cudnn_type(spec_.dtype),
                              .sizes = sizes,
                              .strides = channels_last(sizes),
                              .between = between});
  }

  void set_factor(Descriptor& operation, cudnnBackendAttributeName_t name, double value) const {
    if (compute_ == CUDNN_DATA_DOUBLE) {
      operation.set(name, value);
    } else {
      operation.set(name, static_cast<float>(value));
    }
  }

  // What one step of the epilogue reads is what the step before it wrote.
  int64_t next_id() { return steps_left_ == 0 ? int64_t{kY} : kBetween + steps_left_--; }

  size_t geometry() {
    const auto spatial = static_cast<int64_t>(x_.size()) - 2;
    Descriptor c(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, compute_)
        .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
        .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, spatial)
        .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, planar(spec_.stride, 0, 1))
        .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, planar(spec_.dilation, 0, 1))
        .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, planar(spec_.before, 0, 0))
        .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, planar(spec_.after, 0, 0));
    return graph_.add(std::move(c));
  }

  struct Attributes {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t geometry, x, w, y, alpha, beta;
  };
  static Attributes attributes_of(ConvolutionKind kind) {
    switch (kind) {
      case ConvolutionKind::data_gradient:
        return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
      case ConvolutionKind::weight_gradient:
        return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
      case ConvolutionKind::forward:
        break;
    }
    return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
  }

  void add_convolution() {
    const Epilogue& e = spec_.epilogue;
    if (spec_.kind == ConvolutionKind::forward) {
      steps_left_ = e.bias + e.residual + (e.activation != Activation::none);
    }
    const Attributes names = attributes_of(spec_.kind);
    const size_t x = tensor(kX, x_), w = tensor(kW, w_);
    last_ = tensor(next_id(), y_);
    const size_t shape = geometry();
    Descriptor operation(names.type);
    operation.set(names.geometry, part(shape))
        .set(names.x, part(x))
        .set(names.w, part(w))
        .set(names.y, part(last_));
    set_factor(operation, names.alpha, 1);
    set_factor(operation, names.beta, 0);
    graph_.add_operation(std::move(operation));
  }

  // The order in which cuDNN's ready-made engines know these steps: residual, bias, activation.
  void add_epilogue() {
    const Epilogue& e = spec_.epilogue;
    Sizes per_channel(y_.size(), 1);
    per_channel[1] = y_[1];
    if (e.residual) add_pointwise(CUDNN_POINTWISE_ADD, tensor(kResidual, y_));
    if (e.bias) add_pointwise(CUDNN_POINTWISE_ADD, tensor(kBias, per_channel));
    if (e.activation != Activation::none) add_pointwise(mode_of(e.activation));
  }

  void add_pointwise(cudnnPointwiseMode_t mode, std::optional<size_t> second = {}) {
    const size_t to = tensor(next_id(), y_);
    graph_.add_pointwise({.mode = mode, .compute = compute_, .to = to, .x = last_, .b = second});
    last_ = to;
  }

  const ConvolutionSpec& spec_;
  Sizes x_, w_, y_;
  cudnnDataType_t compute_;
  GraphBuilder graph_;
  int steps_left_ = 0;
  size_t last_ = 0;
};

}  // namespace

OperationGraph convolution_graph(const ConvolutionSpec& spec, cudnnHandle_t handle) {
  return Builder(spec).build(handle);
}

}  // namespace suan::cuda
#endif
