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
  fail(ErrorCode::kSystem, "cuda", "{}: {}", name_of_call(call), text_of(cuda_api(), result));
}

}  // namespace suan::cuda
