// NVML of a machine with one GPU that takes 2.5 joules from one reading to the next.
// SPDX-License-Identifier: Apache-2.0
// NOLINTBEGIN(readability-identifier-naming): NVML's
extern "C" {
int nvmlInit_v2() { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  static int gpu;
  *device = &gpu;
  return index == 0 ? 0 : 2;  // NVML_ERROR_INVALID_ARGUMENT
}
int nvmlDeviceGetTotalEnergyConsumption(void* /*device*/, unsigned long long* millijoules) {
  static unsigned long long taken = 0;
  *millijoules = taken += 2500;
  return 0;
}
}
// NOLINTEND(readability-identifier-naming)
