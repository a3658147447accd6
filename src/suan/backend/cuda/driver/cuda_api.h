// The driver's functions. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cuda.h>

#include <string>

#include "suan/backend/cuda/driver/library.h"

namespace suan::cuda {

// clang-format off
#define SUAN_CUDA_FUNCTIONS(F) \
  F(cuInit) F(cuDriverGetVersion) F(cuGetErrorString) F(cuDeviceGetCount) F(cuDeviceGet) \
  F(cuDeviceGetName) F(cuDeviceTotalMem) F(cuDeviceGetAttribute) F(cuDeviceGetPCIBusId) \
  F(cuDevicePrimaryCtxRetain) F(cuDevicePrimaryCtxRelease) F(cuDeviceCanAccessPeer) \
  F(cuCtxSetCurrent) F(cuMemGetInfo) F(cuStreamCreate) \
  F(cuStreamDestroy) F(cuStreamSynchronize) F(cuStreamWaitEvent) F(cuStreamBeginCapture) \
  F(cuStreamEndCapture) F(cuEventCreate) F(cuEventDestroy) F(cuEventRecord) \
  F(cuEventSynchronize) F(cuEventElapsedTime) F(cuGraphInstantiate) F(cuGraphUpload) \
  F(cuGraphLaunch) F(cuGraphExecDestroy) F(cuGraphDestroy) F(cuMemPoolCreate) \
  F(cuMemPoolDestroy) F(cuMemPoolSetAttribute) F(cuMemPoolTrimTo) F(cuMemAllocFromPoolAsync) \
  F(cuMemPoolSetAccess) F(cuMemcpyPeerAsync) F(cuMemFreeAsync) F(cuMemAllocManaged) F(cuMemFree) F(cuMemHostAlloc) F(cuMemFreeHost) \
  F(cuMemcpyHtoDAsync) F(cuMemcpyDtoHAsync) F(cuMemcpyDtoDAsync) F(cuMemcpyAsync) \
  F(cuMemsetD8Async) F(cuModuleLoadData) F(cuModuleUnload) F(cuModuleGetFunction) \
  F(cuFuncGetAttribute) F(cuFuncSetAttribute) F(cuFuncGetParamInfo) F(cuFuncLoad) \
  F(cuLaunchKernel)
// clang-format on

struct CudaApi {
  SUAN_CUDA_FUNCTIONS(SUAN_FUNCTION_FIELD)
  std::string why_not;  // empty: the driver is there, initialised and new enough
};
const CudaApi& cuda_api();

// Throws Error(kSystem) that names the call. Work that failed earlier shows in any later call: such
// messages say what became of the GPU.
void check_cuda(CUresult result, const char* call);
#define SUAN_CU(call) ::suan::cuda::check_cuda(::suan::cuda::cuda_api().call, #call)

inline CUdeviceptr address_of(const void* p) { return reinterpret_cast<CUdeviceptr>(p); }
inline void* pointer_of(CUdeviceptr p) { return reinterpret_cast<void*>(p); }

}  // namespace suan::cuda
