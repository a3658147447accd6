// Opens and initialises the driver. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/cuda_api.h"

#include "suan/base/error.h"

namespace suan::cuda {
namespace {

std::string text_of(const CudaApi& api, CUresult result) {
  const char* text = nullptr;
  if (api.cuGetErrorString(result, &text) != CUDA_SUCCESS || !text) text = "unknown error";
  return fmt::format("{} ({})", text, static_cast<int>(result));
}

std::string why_not(const CudaApi& api) {
  int version = 0;
  const CUresult result = api.cuInit(0);
  if (result == CUDA_ERROR_STUB_LIBRARY) {
    return "no NVIDIA driver: the libcuda.so.1 that was found is a toolkit's stub";
  }
  const bool known = api.cuDriverGetVersion(&version) == CUDA_SUCCESS;
  if (known && version < CUDA_VERSION) {
    return fmt::format("the NVIDIA driver is too old: it is for CUDA {}.{}, and {}.{} is needed",
                       version / 1000, version % 1000 / 10, CUDA_VERSION / 1000,
                       CUDA_VERSION % 1000 / 10);
  }
  if (result == CUDA_ERROR_NO_DEVICE) return "the NVIDIA driver finds no GPU";
  if (result != CUDA_SUCCESS) return "the NVIDIA driver does not start: " + text_of(api, result);
  return {};
}

CudaApi open_driver() {
  CudaApi table;
  table.why_not = open_library("libcuda.so.1", {SUAN_CUDA_FUNCTIONS(SUAN_FUNCTION_SYMBOL)});
  if (!table.why_not.empty() && !table.cuGetErrorString) {
    table.why_not.insert(0, "no NVIDIA driver: ");
    return table;
  }
  const std::string why = why_not(table);  // one that lacks functions is too old
  if (!why.empty()) table.why_not = why;
  return table;
}

}  // namespace

const CudaApi& cuda_api() {
  static const CudaApi& api = *new CudaApi(open_driver());  // outlives all that is static
  return api;
}

void check_cuda(CUresult result, const char* call) {
  if (result == CUDA_SUCCESS) return;
  const std::string text = text_of(cuda_api(), result);
  switch (result) {
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
      fail(ErrorCode::kSystem, "cuda",
           "a kernel failed: {}; with CUDA_LAUNCH_BLOCKING=1 its node is named", text);
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_CONTAINED:
    case CUDA_ERROR_EXTERNAL_DEVICE:
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_UNKNOWN:
      fail(ErrorCode::kSystem, "cuda", "the GPU is lost: {}: {}", name_of_call(call), text);
    default:
      fail(ErrorCode::kSystem, "cuda", "{}: {}", name_of_call(call), text);
  }
}

}  // namespace suan::cuda
