// cuDNN, opened, and its descriptors. SPDX-License-Identifier: Apache-2.0
#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/descriptor.h"

#include "suan/base/error.h"

namespace suan::cuda {

const CudnnApi& cudnn() {
  static const CudnnApi& api = *[] {
    auto* made = new CudnnApi;
    CudnnApi& table = *made;
    table.why_not = open_library("libcudnn.so.9", {SUAN_CUDNN_FUNCTIONS(SUAN_FUNCTION_SYMBOL)});
    return made;
  }();
  return api;
}

void check_cudnn(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const bool unsupported = CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED ||
                           CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_BAD_PARAM;
  char more[256] = {};
  cudnn().cudnnGetLastErrorString(more, sizeof(more));
  fail(unsupported ? ErrorCode::kUnsupported : ErrorCode::kSystem, "cuda", "{}: {}{}{}",
       name_of_call(call), cudnn().cudnnGetErrorString(status), more[0] ? ": " : "", more);
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  SUAN_CUDNN_CALL(cudnnBackendCreateDescriptor(type, &raw_));
}

Descriptor::~Descriptor() {
  if (raw_) cudnn().cudnnBackendDestroyDescriptor(raw_);
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type,
                            size_t count, const void* values) {
  const cudnnStatus_t status =
      cudnn().cudnnBackendSetAttribute(raw_, attribute, type, static_cast<int64_t>(count), values);
  if (status != CUDNN_STATUS_SUCCESS) {
    const auto call = fmt::format("cudnnBackendSetAttribute {}", static_cast<int>(attribute));
    check_cudnn(status, call.c_str());
  }
  return *this;
}

Descriptor& Descriptor::finalize() {
  SUAN_CUDNN_CALL(cudnnBackendFinalize(raw_));
  return *this;
}

size_t Descriptor::get(cudnnBackendAttributeName_t attribute, cudnnBackendAttributeType_t type,
                       size_t count, void* values) const {
  int64_t there = 0;
  SUAN_CUDNN_CALL(
      cudnnBackendGetAttribute(raw_, attribute, type, static_cast<int64_t>(count), &there, values));
  return static_cast<size_t>(there);
}

}  // namespace suan::cuda
#endif
