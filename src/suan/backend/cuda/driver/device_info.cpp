// Asks the driver about its GPUs. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/device_info.h"

#include <fmt/core.h>

#include "suan/backend/cuda/driver/cuda_api.h"
#include "suan/backend/cuda/driver/cudnn.h"
#include "suan/backend/cuda/driver/product.h"

namespace suan::cuda {
namespace {

constexpr int kOldestArchitecture = 80;

int attribute(CUdevice device, CUdevice_attribute which) {
  int value = 0;
  SUAN_CU(cuDeviceGetAttribute(&value, which, device));
  return value;
}

}  // namespace

int device_count(std::string& why_not) {
  why_not = cuda_api().why_not;
  if (!why_not.empty()) return 0;
  int count = 0;
  SUAN_CU(cuDeviceGetCount(&count));
  if (count == 0) why_not = "the NVIDIA driver finds no GPU";
  return count;
}

bool find_device(int index, CUdevice& device, GpuTraits& traits, std::string& why_not) {
  const int count = device_count(why_not);
  if (count == 0) return false;
  if (index < 0 || index >= count) {
    why_not = fmt::format("there is no GPU {}, this machine has {}", index, count);
    return false;
  }
  SUAN_CU(cuDeviceGet(&device, index));
  char model[256] = {};
  SUAN_CU(cuDeviceGetName(model, sizeof(model), device));
  traits.model = model;
  traits.architecture = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) * 10 +
                        attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  traits.multiprocessors = attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  SUAN_CU(cuDeviceTotalMem(&traits.memory_bytes, device));
  char bus[32] = {};
  SUAN_CU(cuDeviceGetPCIBusId(bus, sizeof(bus), device));
  traits.bus = bus;
  traits.why_no_cublas = why_no_cublas();
  traits.why_no_cudnn = why_no_cudnn();
  traits.cudnn_version = cudnn_version();
  if (traits.architecture < kOldestArchitecture) {
    why_not = fmt::format("GPU {} ({}) has architecture sm_{}, and sm_{} is needed", index,
                          traits.model, traits.architecture, kOldestArchitecture);
    return false;
  }
  if (attribute(device, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) == 0) {
    why_not = fmt::format("GPU {} ({}) has no memory pools", index, traits.model);
    return false;
  }
  return true;
}

}  // namespace suan::cuda
