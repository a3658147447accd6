// NVML of a machine with one GPU that takes 2.5 joules from one reading to the next.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

// NOLINTBEGIN(readability-identifier-naming): NVML's
extern "C" {
int nvmlInit_v2() { return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** device) {
  static int gpu;
  *device = &gpu;
  return std::strcmp(bus, "0000:1b:00.0") == 0 ? 0 : 6;  // NVML_ERROR_NOT_FOUND
}
int nvmlDeviceGetTotalEnergyConsumption(void* /*device*/, unsigned long long* millijoules) {
  static unsigned long long taken = 0;
  *millijoules = taken += 2500;
  return 0;
}
}
// NOLINTEND(readability-identifier-naming)
