// Descriptor: an object of cuDNN's backend interface, whose attributes are set by name and type.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cudnn_backend.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "suan/backend/cuda/driver/library.h"

namespace suan::cuda {

// clang-format off
#define SUAN_CUDNN_FUNCTIONS(F) \
  F(cudnnCreate) F(cudnnDestroy) F(cudnnSetStream) F(cudnnGetVersion) F(cudnnGetErrorString) \
  F(cudnnGetLastErrorString) F(cudnnBackendCreateDescriptor) \
  F(cudnnBackendDestroyDescriptor) F(cudnnBackendFinalize) F(cudnnBackendSetAttribute) \
  F(cudnnBackendGetAttribute) F(cudnnBackendExecute)
// clang-format on

struct CudnnApi {
  SUAN_CUDNN_FUNCTIONS(SUAN_FUNCTION_FIELD)
  std::string why_not;
};
const CudnnApi& cudnn();

// Throws Error: kUnsupported where cuDNN says that it cannot do what was asked, else kSystem.
void check_cudnn(cudnnStatus_t status, const char* call);
#define SUAN_CUDNN_CALL(call) ::suan::cuda::check_cudnn(::suan::cuda::cudnn().call, #call)

// What cuDNN calls the type T of an attribute's value.
template <class T>
inline constexpr auto kAttributeType = nullptr;  // no attribute has it
template <>
inline constexpr auto kAttributeType<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr auto kAttributeType<int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr auto kAttributeType<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr auto kAttributeType<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr auto kAttributeType<double> = CUDNN_TYPE_DOUBLE;
template <>
inline constexpr auto kAttributeType<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr auto kAttributeType<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr auto kAttributeType<cudnnConvolutionMode_t> = CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr auto kAttributeType<cudnnPointwiseMode_t> = CUDNN_TYPE_POINTWISE_MODE;
template <>
inline constexpr auto kAttributeType<cudnnReduceTensorOp_t> = CUDNN_TYPE_REDUCTION_OPERATOR_TYPE;
template <>
inline constexpr auto kAttributeType<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr auto kAttributeType<cudnnBackendNumericalNote_t> = CUDNN_TYPE_NUMERICAL_NOTE;

class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t attribute, const std::vector<T>& values) {
    return set(attribute, kAttributeType<T>, values.size(), values.data());
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t attribute, const T& value) {
    return set(attribute, kAttributeType<T>, 1, &value);
  }
  Descriptor& set(cudnnBackendAttributeName_t attribute, const Descriptor& value) {
    return set(attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.raw_);
  }
  Descriptor& set(cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type,
                  size_t count, const void* values);
  Descriptor& finalize();  // it can be used from now on, and no longer be set

  // Fills as much of `values` as there is; says how much.
  template <class T>
  size_t get(cudnnBackendAttributeName_t attribute, std::span<T> values) const {
    return get(attribute, kAttributeType<T>, values.size(), values.data());
  }
  size_t get(cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type, size_t count,
             void* values) const;

  cudnnBackendDescriptor_t raw() const { return raw_; }

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
};

}  // namespace suan::cuda
